// SPDX-License-Identifier: MIT
#include "impl/sync/owner.h"

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <system_error>

#include "impl/os/first_use.h"
#include "impl/os/mapping.h"
#include "impl/os/per_process.h"
#include "impl/os/presence.h"

namespace ipc {
namespace {

// A number is a place in the table and how many have had it before.
constexpr int kPlaceBits = 12;
constexpr std::uint32_t kPlaces = 1u << kPlaceBits;
constexpr std::uint32_t kTurns = 1u << (Owner::kBits - kPlaceBits);

struct Place {
  Presence presence;
  std::atomic<std::uint32_t> turn{0};
  std::atomic<bool> claimed{false};  // somebody enters; for ever if it is killed meanwhile
};
struct Table {
  Place places[kPlaces];  // 0 is nobody's
};

// Of the process that first prepared, and of all its descendants.
Table& table() {
  static constinit FirstUse<Shared<Table>> shared;
  return *shared.get();
}

class Self {
 public:
  std::uint32_t number() {
    const std::uint32_t known = number_.load(std::memory_order_relaxed);
    return known != Owner::kNobody ? known : join();
  }

 private:
  std::uint32_t join() {
    std::lock_guard hold(mutex_);
    if (number_.load(std::memory_order_relaxed) != Owner::kNobody) return number_;
    for (std::uint32_t i = 1; i < kPlaces; ++i) {
      Place& place = table().places[i];
      if (place.presence.is_taken() || place.claimed.exchange(true)) continue;
      // The turn comes first: nobody takes this one for the last that had the place.
      const bool is_free = !place.presence.is_taken();
      const std::uint32_t turn = is_free ? place.turn.fetch_add(1) + 1 : 0;
      const bool entered = is_free && stay_.enter(place.presence);
      place.claimed.store(false);
      if (!entered) continue;
      number_ = turn % kTurns << kPlaceBits | i;
      return number_;
    }
    throw std::system_error(EUSERS, std::generic_category(),
                            "to take part in locks: it takes a thread in each process, a place "
                            "among 4095 processes and one among 2000 rings of this process");
  }

  std::mutex mutex_;
  Presence::Stay stay_;
  std::atomic<std::uint32_t> number_{Owner::kNobody};
};

// Never destroyed: used to the end. Not made at first use, for a fork may come in between.
PerProcess<Self>& selves = *new PerProcess<Self>;

}  // namespace

void Owner::prepare() { table(); }

std::atomic<std::uint32_t> Owner::self{kNobody};

namespace {

// At start-up: a fork may come before the first use, or within it.
const int registered = pthread_atfork(nullptr, nullptr, Owner::forget);

}  // namespace

std::uint32_t Owner::join() {
  const std::uint32_t number = selves.get().number();
  self.store(number, std::memory_order_release);  // pairs with here(): the place is taken by then
  return number;
}

std::int32_t Owner::thread() {
  thread_local std::int32_t thread = 0;
  thread_local std::uint64_t generation = 0;
  if (thread == 0 || generation != fork_generation()) {
    thread = gettid();
    generation = fork_generation();
  }
  return thread;
}

bool Owner::is_alive(std::uint32_t owner) {
  const Place& place = table().places[owner % kPlaces];
  return place.turn.load(std::memory_order_acquire) % kTurns == owner >> kPlaceBits &&
         place.presence.is_taken();
}

}  // namespace ipc
