// SPDX-License-Identifier: MIT
// What a check of a contract runs on: peers that are forked processes or threads, signals between
// them, and a watchdog that turns a hang into a text. No test framework inside, so a check may also
// run in a process that can be killed.
//
// A check is a body given to watched(). It and its peers call fail() or expect() where something is
// wrong: the first text is kept in shared memory before anything is unwound, so it is reported even
// if the rest then hangs.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/deadline.h"
#include "impl/os/mapping.h"
#include "impl/os/status.h"

namespace ipc {

enum class Peers { threads, processes };

using Verdict = std::optional<std::string>;  // what is wrong; nothing when all is well

// How long a call that must come to an end is given, and a whole check: limits against hangs, many
// times what either takes on a slow and busy machine. What is broken on purpose is given less.
inline std::chrono::seconds patience{30};
inline constexpr std::chrono::seconds kCheckLimit{300};

[[noreturn]] inline void wait_for_the_kill() {
  for (;;) pause();
}

inline void nap(std::chrono::microseconds time) { std::this_thread::sleep_for(time); }

// Ends the check with this text, in whichever peer it is called. REQUIRES: called below watched().
[[noreturn]] void fail(const std::string& text);

template <class... Parts>
void expect(bool good, const Parts&... parts) {
  if (good) return;
  std::ostringstream text;
  (text << ... << parts);
  fail(text.str());
}

template <class... Parts>
void expect_status(Status got, Status wanted, const Parts&... parts) {
  expect(got == wanted, parts..., ": ", to_string(got), " instead of ", to_string(wanted));
}

// Runs a check's body in a process or thread of its own and gives what was wrong: what fail() said,
// an exception, a death by a signal, or no end within the limit. After a hang, a process is killed
// with its children; a thread cannot be: it is left behind with all that it uses.
Verdict watched(Peers where, std::chrono::seconds limit, const std::function<void()>& body);

// Somebody beside the check, which is unwatched: the check waits for it with finish(). Destruction
// kills a process, and waits for a thread. REQUIRES: constructed below watched(); for a process,
// while this one has no other thread that holds a lock.
class Peer {
 public:
  Peer(Peers where, const std::function<void()>& body);
  Peer(Peer&&) = default;
  ~Peer();

  void finish();  // waits for its end; fails when it failed
  void kill();    // SIGKILL, and waits until it is gone. REQUIRES: a process
  void signal(int number) { child_->signal(number); }  // REQUIRES: a process
  pid_t pid() const { return child_->pid(); }          // REQUIRES: a process
  std::optional<int> wait(Deadline deadline) {
    return child_->wait(deadline);
  }  // REQUIRES: a process

 private:
  std::optional<Child> child_;
  std::thread thread_;
};

// A counter between peers. Constructed before them, and outlives them.
class Signal {
 public:
  void raise();
  // Waits until it was raised at least `times`; fails after patience, or at once when another peer
  // failed.
  void wait(std::uint32_t times = 1);
  std::uint32_t raised() const { return word_->load(std::memory_order_acquire); }

 private:
  Shared<std::atomic<std::uint32_t>> word_{0u};
};

// Which messages came, over all consumers, kept in shared memory; the order is each consumer's own
// affair (Arrivals).
class Tally {
 public:
  Tally(std::uint32_t producers, std::uint32_t each);
  std::uint64_t total() const { return std::uint64_t{producers_} * each_; }
  std::uint64_t arrived() const { return arrived_->load(std::memory_order_acquire); }
  bool came(std::uint32_t producer, std::uint64_t sequence) const;
  // Counts a message; fails when it was never sent, or has come already.
  void count(std::uint64_t tag);
  // Fails unless each message has come.
  void expect_all() const;

 private:
  std::atomic<std::uint8_t>& cell(std::uint32_t producer, std::uint64_t sequence) const;

  std::uint32_t producers_;
  std::uint32_t each_;
  Mapping cells_;
  Shared<std::atomic<std::uint64_t>> arrived_{0u};
};

// What one consumer has seen: each producer's messages must come in its order, if `ordered`.
class Arrivals {
 public:
  explicit Arrivals(Tally& tally, bool ordered = true) : tally_(tally), ordered_(ordered) {}
  void see(std::uint64_t tag);  // fails when it is out of order and should not be, or doubled

 private:
  Tally& tally_;
  const bool ordered_;
  std::vector<std::uint64_t> next_;  // by producer
};

}  // namespace ipc
