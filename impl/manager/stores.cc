// SPDX-License-Identifier: MIT
#include "impl/manager/stores.h"

#include <pthread.h>

#include <atomic>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "impl/manager/authkey.h"
#include "impl/os/first_use.h"

namespace ipc {
namespace detail {
namespace {

thread_local AnyStore* the_replying = nullptr;

class Stores {
 public:
  static Stores& here();

  std::shared_ptr<AnyStore> find_or_make(const StorePlace& place) {
    const ManagerEntry& entry = ManagerRegistry::get(place.backend);
    const std::string key = authkey();  // before the lock: a fork takes both, in either order
    const std::lock_guard hold(mutex_);
    std::weak_ptr<AnyStore>& known = stores_[place];
    std::shared_ptr<AnyStore> store = known.lock();
    if (!store) {
      store = entry.open(place, key);
      known = store;
    }
    return store;
  }
  void remove(const StorePlace& place) {
    const std::lock_guard hold(mutex_);
    const auto found = stores_.find(place);
    if (found != stores_.end() && found->second.expired()) stores_.erase(found);
    std::erase_if(by_name_, [](const auto& each) { return each.second.expired(); });
  }
  void set_name(const StorePlace& name, std::weak_ptr<AnyStore> store) {
    const std::lock_guard hold(mutex_);
    by_name_.insert_or_assign(name, std::move(store));
  }
  std::shared_ptr<AnyStore> find_by_name(const StorePlace& name) {
    const std::lock_guard hold(mutex_);
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second.lock();
  }

 private:
  // Around a fork, and perhaps registered twice: then what lies between is done once.
  void before() {
    if (forking++ != 0) return;
    mutex_.lock();
    for (const auto& [place, each] : stores_) {
      if (auto store = each.lock()) forking_.push_back(std::move(store));
    }
    for (const auto& store : forking_) store->wait_for_fork();
  }
  void after(void (AnyStore::*each)()) {
    if (--forking != 0) return;
    for (const auto& store : forking_) ((*store).*each)();
    std::vector<std::shared_ptr<AnyStore>> done;
    done.swap(forking_);  // ends what nobody else has, after the lock
    mutex_.unlock();
  }

  static thread_local int forking;

  std::mutex mutex_;
  std::map<StorePlace, std::weak_ptr<AnyStore>> stores_;
  std::map<StorePlace, std::weak_ptr<AnyStore>> by_name_;  // what their servers call themselves
  std::vector<std::shared_ptr<AnyStore>> forking_;
};

thread_local int Stores::forking = 0;

// Never destroyed: stores may end after static objects.
constinit FirstUse<Stores> the_stores;
// Told as late as at the first use, for what the stores lock is to be locked at a fork after them.
constinit std::atomic<bool> are_handlers_there{false};

Stores& Stores::here() {
  // A child that is forked before the second line does both again, as another thread may.
  if (!are_handlers_there.load(std::memory_order_acquire)) {  // pairs with the store below
    pthread_atfork([] { the_stores.get().before(); },
                   [] { the_stores.get().after(&AnyStore::go_on_in_parent); },
                   [] { the_stores.get().after(&AnyStore::go_on_in_child); });
    are_handlers_there.store(true, std::memory_order_release);
  }
  return the_stores.get();
}

}  // namespace

std::shared_ptr<AnyStore> store_of(const StorePlace& place) {
  return Stores::here().find_or_make(place);
}

std::shared_ptr<AnyStore> store_of_server(const StorePlace& name) {
  if (the_replying != nullptr && the_replying->place().backend == name.backend &&
      the_replying->name() == name.address) {
    return the_replying->shared_from_this();
  }
  std::shared_ptr<AnyStore> known = Stores::here().find_by_name(name);
  return known ? known : store_of(name);
}

void set_server_name(const StorePlace& name, std::weak_ptr<AnyStore> store) {
  Stores::here().set_name(name, std::move(store));
}

Replying::Replying(AnyStore& store) : before_(std::exchange(the_replying, &store)) {}
Replying::~Replying() { the_replying = before_; }
const AnyStore* Replying::store() { return the_replying; }

}  // namespace detail

AnyStore::~AnyStore() { detail::Stores::here().remove(place_); }

void AnyStore::set_keeper(std::weak_ptr<void> keeper) {
  const std::lock_guard hold(keeper_mutex_);
  keeper_ = std::move(keeper);
}

std::shared_ptr<void> AnyStore::keeper() const {
  const std::lock_guard hold(keeper_mutex_);
  return keeper_.lock();
}

}  // namespace ipc
