// SPDX-License-Identifier: MIT
// Barrier, as Python's multiprocessing has it: processes wait for each other until so many have
// come, again and again. Made before they are forked. One that is killed while it waits breaks the
// barrier for the others, within 50 ms; in Python they wait for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "impl/os/error.h"
#include "impl/os/mapping.h"
#include "impl/os/timeout.h"
#include "impl/sync/lock_word.h"

namespace ipc {

// Somebody's time was over, or he was killed, or the barrier was aborted or reset.
class BrokenBarrier : public Error {
 public:
  using Error::Error;
};

class Barrier {
 public:
  static constexpr std::string_view kInheritedAs = "Barrier";

  // `action` is run once a round by the last to come, before anybody goes on; each process has the
  // one that it was forked with. It must not use the barrier, which is locked meanwhile. `timeout`
  // is that of those who name none. Throws ValueError unless parties are 1 to 2^20.
  explicit Barrier(std::int64_t parties, std::function<void()> action = nullptr,
                   Timeout timeout = std::nullopt);

  // Until all have come. Gives this one's place, 0 for the first to come. Throws BrokenBarrier, and
  // what the action throws; then it is broken for the others.
  std::uint32_t wait(Timeout timeout = std::nullopt);

  void abort();  // broken until the reset; those that wait fail
  void reset();  // empty, and usable again; those that wait fail

  std::uint32_t parties() const { return parties_; }
  std::uint32_t n_waiting() const;  // soon out of date
  bool broken() const { return state_->broken.load(std::memory_order_acquire); }

 private:
  // One that has come.
  struct Party {
    enum State : std::uint32_t { nobody, waiting, released, failed };

    std::atomic<std::uint32_t> state{nobody};  // the futex word
    std::atomic<std::uint32_t> owner{Owner::kNobody};
  };
  struct State {
    LockWord lock;  // of what follows, and of the parties
    std::atomic<bool> broken{false};
  };

  class Hold;

  std::span<Party> places() const { return {static_cast<Party*>(places_.address()), parties_}; }
  bool has_dead() const;
  void end_round(Party::State how);
  void break_round();
  Party* late_leaver();
  std::uint32_t come();
  std::uint32_t enter();

  const std::uint32_t parties_;
  const std::function<void()> action_;
  const Timeout timeout_;
  Shared<State> state_;
  Mapping places_;  // a Party each
};

}  // namespace ipc
