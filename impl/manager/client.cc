// SPDX-License-Identifier: MIT
#include "impl/manager/client.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "impl/codec/encoding.h"
#include "impl/manager/authentication.h"
#include "impl/manager/authkey.h"
#include "impl/manager/errors.h"

namespace ipc::detail {
namespace {

thread_local Client* the_replying = nullptr;

// While one reply is decoded another may be: of a manager whose proxy is in the first.
class Replying {
 public:
  explicit Replying(Client* client) : before_(std::exchange(the_replying, client)) {}
  ~Replying() { the_replying = before_; }
  Replying(const Replying&) = delete;
  Replying& operator=(const Replying&) = delete;

 private:
  Client* const before_;
};

// Of this thread, in its process.
std::uint64_t thread_number() {
  static std::atomic<std::uint64_t> count{0};
  thread_local const std::uint64_t number = count.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

// The clients of this process, and what a fork does with them.
class Forks {
 public:
  // Never destroyed: clients may end after static objects.
  static Forks& here() {
    static auto* const forks = new Forks;
    return *forks;
  }

  std::shared_ptr<Client> find_or_make(const StorePlace& place) {
    const ManagerEntry& entry = ManagerRegistry::get(place.backend);
    std::string key = authkey();  // before the lock: a fork takes both, in either order
    const std::lock_guard hold(mutex_);
    std::weak_ptr<Client>& known = clients_[place];
    std::shared_ptr<Client> client = known.lock();
    if (!client) {
      client = std::make_shared<Client>(entry, place, std::move(key));
      known = client;
    }
    return client;
  }
  void remove(const Client& client) {
    const std::lock_guard hold(mutex_);
    const auto found = clients_.find(client.place());
    if (found != clients_.end() && found->second.expired()) clients_.erase(found);
    std::erase_if(by_name_, [](const auto& each) { return each.second.expired(); });
  }
  void set_name(const StorePlace& name, std::weak_ptr<Client> client) {
    const std::lock_guard hold(mutex_);
    by_name_.insert_or_assign(name, std::move(client));
  }
  std::shared_ptr<Client> find_by_name(const StorePlace& name) {
    const std::lock_guard hold(mutex_);
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second.lock();
  }

 private:
  Forks() {
    pthread_atfork([] { here().before(); }, [] { here().after(&Client::after_fork_in_parent); },
                   [] { here().after(&Client::after_fork_in_child); });
  }

  void before() {
    mutex_.lock();
    for (const auto& [place, each] : clients_) {
      if (auto client = each.lock()) forking_.push_back(std::move(client));
    }
    for (const auto& client : forking_) client->before_fork();
  }
  void after(void (Client::*each)()) {
    for (const auto& client : forking_) ((*client).*each)();
    std::vector<std::shared_ptr<Client>> done;
    done.swap(forking_);  // ends what nobody else has, after the lock
    mutex_.unlock();
  }

  std::mutex mutex_;
  std::map<StorePlace, std::weak_ptr<Client>> clients_;
  std::map<StorePlace, std::weak_ptr<Client>> by_name_;  // what their servers call themselves
  std::vector<std::shared_ptr<Client>> forking_;
};

std::shared_ptr<Client> Client::of(const StorePlace& place) {
  return Forks::here().find_or_make(place);
}

std::shared_ptr<Client> Client::of_server(const StorePlace& name) {
  if (the_replying != nullptr && the_replying->place().backend == name.backend &&
      the_replying->name() == name.address) {
    return the_replying->shared_from_this();
  }
  std::shared_ptr<Client> known = Forks::here().find_by_name(name);
  return known ? known : of(name);
}

const Client* Client::replying() { return the_replying; }

Client::Client(const ManagerEntry& entry, StorePlace place, std::string key)
    : entry_(entry), place_(std::move(place)), key_(std::move(key)), name_(place_.address) {}

Client::~Client() { Forks::here().remove(*this); }

void Client::set_keeper(std::weak_ptr<void> keeper) {
  const std::lock_guard hold(mutex_);
  keeper_ = std::move(keeper);
}

std::shared_ptr<void> Client::keeper() const {
  const std::lock_guard hold(mutex_);
  return keeper_.lock();
}

// A connection in one call. One whose call is not over goes: who knows what is on it.
class Client::Lease {
 public:
  Lease(Client& client, Connection* connection) : client_(client), connection_(connection) {}
  ~Lease() {
    if (is_over_) {
      client_.give_back(connection_);
    } else {
      client_.drop(connection_);
    }
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Connection* operator->() { return connection_; }
  void set_over(bool is_over) { is_over_ = is_over; }

 private:
  Client& client_;
  Connection* const connection_;
  bool is_over_ = true;
};

Object Client::call(std::uint64_t object, std::string_view operation, Object::List arguments,
                    Deadline deadline) {
  const auto gone = [this] { return ServerGone("the manager at " + place_.address + " is gone"); };
  // They end after the reply: the server may have a proxy among them from nobody else.
  const Object all = Object::list(std::move(arguments));
  Lease lease(*this, take_or_gone());
  lease->request.clear();
  append_request({object, thread_number(), deadline, operation, {}}, all, lease->request);
  lease.set_over(false);
  if (lease->link->send(lease->request) != Status::ok) {
    withdraw_request(lease->request);
    throw gone();
  }
  if (lease->link->receive(lease->reply) != Status::ok) {
    withdraw_request(lease->request);
    throw gone();
  }
  lease.set_over(true);
  const Replying scope(this);
  return value_of(lease->reply.bytes());
}

void Client::connect(const std::string& key) {
  std::unique_lock hold(mutex_);
  idle_.push_back(open_locked(key));
  key_ = key;
  hold.unlock();
  const std::string name = call(kServer, "address", {}, Deadline::never()).as_text();
  hold.lock();
  name_ = name;
  hold.unlock();  // a fork takes the other lock first
  Forks::here().set_name({place_.backend, name}, weak_from_this());
}

std::string Client::name() const {
  const std::lock_guard hold(mutex_);
  return name_;
}

Client::Connection* Client::take_or_gone() {
  try {
    return take();
  } catch (const std::system_error& error) {
    throw ServerGone("the manager at " + place_.address + " is gone: " + error.what());
  }
}

// One opens at a time, so that a fork finds it among all or not begun.
Client::Connection* Client::take() {
  const std::lock_guard hold(mutex_);
  if (!idle_.empty()) {
    Connection* const connection = idle_.back();
    idle_.pop_back();
    return connection;
  }
  return open_locked(key_);
}

// A server that does not know the session is another one, at the same place.
Client::Connection* Client::open_locked(const std::string& key) {
  std::uint64_t session = session_;
  std::unique_ptr<Connection> made;
  if (session != 0) made = open(key, {Hello::Kind::next, session_}, session);
  if (session == 0) {
    drop_idle_locked();
    made = open(key, {Hello::Kind::first, 0}, session);
  }
  session_ = session;
  return all_.emplace_back(std::move(made)).get();
}

void Client::give_back(Connection* connection) {
  const std::lock_guard hold(mutex_);
  idle_.push_back(connection);
}

// The others have most likely had the same end. With the last one, the session has ended.
void Client::drop(Connection* connection) {
  const std::lock_guard hold(mutex_);
  std::erase_if(all_, [&](const auto& each) { return each.get() == connection; });
  drop_idle_locked();
  if (all_.empty()) session_ = 0;
}

void Client::drop_idle_locked() {
  std::erase_if(all_, [this](const auto& each) {
    return std::ranges::find(idle_, each.get()) != idle_.end();
  });
  idle_.clear();
}

// The session is 0 when the server has none such.
std::unique_ptr<Client::Connection> Client::open(const std::string& key, const Hello& hello,
                                                 std::uint64_t& session) const {
  auto made = std::make_unique<Connection>();
  made->link = entry_.connect(place_.address);
  if (!authenticate(*made->link, key, Role::client)) {
    throw AuthenticationError("the manager at " + place_.address + " has another key, or is none");
  }
  append_hello(hello, made->request);
  std::optional<std::uint64_t> joined;
  if (made->link->send(made->request) == Status::ok &&
      made->link->receive(made->reply) == Status::ok) {
    joined = parse_session(made->reply.bytes());
  }
  if (!joined) throw ServerGone("the manager at " + place_.address + " is gone");
  session = *joined;
  return made;
}

// As far as the kernel knows: then there is nobody to ask for an heir.
bool Client::server_has_gone_locked() const {
  return std::ranges::any_of(all_, [](const auto& each) {
    return poll_until(each->link->hang_up_fd(), POLLRDHUP, Deadline::now()) != 0;
  });
}

void Client::before_fork() {
  mutex_.lock();
  if (session_ == 0 || server_has_gone_locked()) return;
  try {
    heir_ = open(key_, {Hello::Kind::heir, session_}, heirs_session_);
    if (heirs_session_ == 0) heir_.reset();
  } catch (const std::exception&) {
    heir_.reset();  // the child will see at its first call
  }
}

void Client::after_fork_in_parent() {
  heir_.reset();
  mutex_.unlock();
}

void Client::after_fork_in_child() {
  all_.clear();
  idle_.clear();
  session_ = 0;
  if (heir_) {
    idle_.push_back(heir_.get());
    all_.push_back(std::move(heir_));
    session_ = heirs_session_;
  }
  mutex_.unlock();
}

}  // namespace ipc::detail
