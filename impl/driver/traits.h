// SPDX-License-Identifier: MIT
// What a backend promises, as data beside its registration. Grids, skips, the README table and the
// tests are made from these; there is no list of exceptions anywhere else.
//
// Of the contract (pipe/backend.h, queue/backend.h) a trait may waive: messages over max_message, a
// capacity in bytes, several producers or consumers, a descriptor to wait by (waitable), that a
// kill between messages disturbs nobody (survives_kill), the order of each producer (ordered), and
// where a library leaves no choice that a process can go on with a side that another has used
// (passes_on) and that what an endpoint has opened is closed with it (lets_go).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ipc {

enum class WaitClass {
  block,     // sleeps at once
  adaptive,  // spins a little, then sleeps
  spin,      // never sleeps
};
// What fills it: the bytes of what is under way, or how many messages that is, however short.
enum class CapacityUnit { bytes, items };
// How a waiting process can watch several at once: a descriptor for poll(2), or by looking again
// and again.
enum class Waitable { descriptor, slices };

// What the others notice when a process is killed (SIGKILL), from the harmless to the worst.
enum class AfterKill {
  nothing,      // all that is sent after it arrives
  end_of_file,  // what it had sent arrives, then the end, as if it had closed its side
  error,        // an error, once or from then on
  // Messages whose send had said ok are lost, not counting one that it was just receiving: its own
  // of a pipe, others' of a queue, and inside a call of a queue its own as well.
  loss,
  time_out,  // a call with a deadline times out, for ever; one without waits for ever
  hang,      // they wait for ever, whatever their deadline
};
struct Killed {
  AfterKill idle = AfterKill::nothing;       // between two calls
  AfterKill sending = AfterKill::nothing;    // waiting in a send, with as much sent as fits
  AfterKill receiving = AfterKill::nothing;  // waiting in a receive
  // At the worst instant of a call, where that is worse than these or, in place of a wait, an
  // error; always where survives_kill is false.
  AfterKill inside = AfterKill::nothing;
};

inline constexpr int kMany = 1 << 20;  // as many producers or consumers as one likes
inline constexpr std::size_t kAnySize = std::size_t{1} << 62;  // of messages or values

struct Traits {
  std::string summary;  // one line: the mechanism and how it is used
  std::string source;   // the manual page or the design that it follows
  WaitClass wait_class = WaitClass::block;
  std::size_t max_message = 0;      // bytes; the next longer is Status::too_big
  std::size_t unsized_message = 0;  // the same where message_bytes was not given; 0: max_message
  CapacityUnit capacity = CapacityUnit::bytes;
  int producers = 1;
  int consumers = 1;
  std::string order = "first in, first out";
  Waitable waitable = Waitable::descriptor;
  // queue: those of one producer stay in their order whatever the scheduler does with its users.
  bool ordered = true;
  bool passes_on = true;           // pipe: a process can go on with a side that another has used
  bool survives_kill = true;       // a process killed between messages disturbs nobody else
  Killed killed = {};              // what a test sees
  std::string on_kill;             // the same in words, and what is too rare to be tested
  std::string leftovers = "none";  // kernel objects that outlive a crash
  // What an endpoint has opened is closed with it; otherwise, at times, with its process only.
  bool lets_go = true;
  std::string needs = "Linux";
  bool transports = true;  // false: carries nothing between processes (null)
  // Set by the registration: what it can beyond the contract (endpoint.h; a pipe's backend.h). Of a
  // queue also whether it counts: it has room for just max_items, and tells how many are there.
  bool counts_items = false;
  bool sendable = false;
  bool batches = false;
  bool in_place = false;
  // The same of a lock (shared/backend.h). Of memories and locks nothing but these, summary,
  // source, on_kill, leftovers, needs and available counts; of locks also wait_class, max_message,
  // the longest value, transports (false: guards nothing), survives_kill, and killed: while it
  // holds the lock (sending) or waits for it (receiving).
  bool exclusive = false;
  bool exchanging = false;
  bool reads_alone = false;
  // Why it cannot be used on this machine; nothing when it can.
  std::optional<std::string> (*available)() = [] { return std::optional<std::string>(); };
};

constexpr std::string_view to_string(WaitClass wait) {
  switch (wait) {
    case WaitClass::block:
      return "block";
    case WaitClass::adaptive:
      return "adaptive";
    case WaitClass::spin:
      return "spin";
  }
  return "unknown";
}
constexpr std::string_view to_string(AfterKill outcome) {
  switch (outcome) {
    case AfterKill::nothing:
      return "nothing";
    case AfterKill::end_of_file:
      return "end of file";
    case AfterKill::error:
      return "error";
    case AfterKill::loss:
      return "loss";
    case AfterKill::time_out:
      return "time-out";
    case AfterKill::hang:
      return "hang";
  }
  return "unknown";
}
constexpr std::string_view to_string(CapacityUnit unit) {
  return unit == CapacityUnit::bytes ? "bytes" : "items";
}
constexpr std::string_view to_string(Waitable waitable) {
  return waitable == Waitable::descriptor ? "descriptor" : "slices";
}

}  // namespace ipc
