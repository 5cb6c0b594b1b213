// SPDX-License-Identifier: MIT
#include "impl/sync/barrier.h"

#include <climits>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "impl/os/futex.h"

namespace ipc {
namespace {

constexpr std::chrono::milliseconds kRecheck{50};
constexpr std::int64_t kMostParties = 1 << 20;

std::uint32_t checked(std::int64_t parties) {
  if (parties < 1 || parties > kMostParties) {
    throw ValueError("a barrier of " + std::to_string(parties) + " parties; valid are 1 to " +
                     std::to_string(kMostParties));
  }
  return static_cast<std::uint32_t>(parties);
}

}  // namespace

class Barrier::Hold {
 public:
  explicit Hold(LockWord& lock) : lock_(lock) { static_cast<void>(lock_.acquire()); }
  ~Hold() { lock_.release(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  LockWord& lock_;
};

Barrier::Barrier(std::int64_t parties, std::function<void()> action, Timeout timeout)
    : parties_(checked(parties)),
      action_(std::move(action)),
      timeout_(timeout),
      places_(parties_ * sizeof(Party)) {
  for (std::uint32_t i = 0; i < parties_; ++i) ::new (&places()[i]) Party;
}

std::uint32_t Barrier::n_waiting() const {
  std::uint32_t waiting = 0;
  for (const Party& party : places()) {
    if (party.state.load(std::memory_order_relaxed) == Party::waiting) ++waiting;
  }
  return waiting;
}

bool Barrier::has_dead() const {
  for (const Party& party : places()) {
    // acquire: pairs with enter, whose owner it is.
    if (party.state.load(std::memory_order_acquire) == Party::waiting &&
        !Owner::is_alive(party.owner.load(std::memory_order_relaxed))) {
      return true;
    }
  }
  return false;
}

// REQUIRES: the lock.
void Barrier::end_round(Party::State how) {
  for (Party& party : places()) {
    if (party.state.load(std::memory_order_relaxed) != Party::waiting) continue;
    party.state.store(how, std::memory_order_release);  // pairs with the loop in wait
    futex_wake(party.state, INT_MAX);
  }
}

// REQUIRES: the lock.
void Barrier::break_round() {
  state_->broken.store(true, std::memory_order_release);
  end_round(Party::failed);
}

// One of the last round that has not left yet, if its process still lives.
Barrier::Party* Barrier::late_leaver() {
  for (Party& party : places()) {
    const std::uint32_t state = party.state.load(std::memory_order_acquire);
    if (state != Party::released && state != Party::failed) continue;
    if (Owner::is_alive(party.owner.load(std::memory_order_relaxed))) return &party;
    party.state.store(Party::nobody, std::memory_order_relaxed);
  }
  return nullptr;
}

std::uint32_t Barrier::come() {
  for (;;) {
    Party* late;
    {
      Hold hold(state_->lock);
      if (broken()) throw BrokenBarrier("the barrier is broken");
      late = late_leaver();
      if (late == nullptr) {
        if (has_dead()) {
          break_round();
          throw BrokenBarrier("a process was killed that waited at the barrier");
        }
        return enter();
      }
    }
    const std::uint32_t state = late->state.load(std::memory_order_relaxed);
    if (state == Party::released || state == Party::failed) {
      futex_wait(late->state, state, Deadline::after(kRecheck));
    }
  }
}

// REQUIRES: the lock. The last to come ends the round.
std::uint32_t Barrier::enter() {
  const std::uint32_t place = n_waiting();
  if (place >= parties_) {  // somebody has written nonsense there
    break_round();
    throw BrokenBarrier("more wait at the barrier than it is for");
  }
  Party& self = places()[place];
  self.owner.store(Owner::here(), std::memory_order_relaxed);
  self.state.store(Party::waiting, std::memory_order_release);
  if (place + 1 < parties_) return place;
  try {
    if (action_) action_();
  } catch (...) {
    self.state.store(Party::nobody, std::memory_order_relaxed);
    break_round();
    throw;
  }
  end_round(Party::released);
  return place;
}

std::uint32_t Barrier::wait(Timeout timeout) {
  const Deadline deadline = deadline_of(timeout ? timeout : timeout_);
  const std::uint32_t place = come();
  Party& self = places()[place];
  std::uint32_t state;
  // acquire: what the others did before they came is seen.
  while ((state = self.state.load(std::memory_order_acquire)) == Party::waiting) {
    // broken: the one that has broken it may have been killed before it told this one.
    if (deadline.passed() || has_dead() || broken()) {
      Hold hold(state_->lock);
      if (self.state.load(std::memory_order_relaxed) == Party::waiting) break_round();
      continue;
    }
    futex_wait(self.state, Party::waiting, deadline.within(kRecheck));
  }
  self.state.store(Party::nobody, std::memory_order_release);
  futex_wake(self.state, INT_MAX);
  if (state == Party::failed) throw BrokenBarrier("the barrier was broken, aborted or reset");
  return place;
}

void Barrier::abort() {
  Hold hold(state_->lock);
  break_round();
}

void Barrier::reset() {
  Hold hold(state_->lock);
  break_round();  // whoever is killed here leaves it broken, not half empty
  state_->broken.store(false, std::memory_order_release);
}

}  // namespace ipc
