// SPDX-License-Identifier: MIT
// A family's contract as a list of checks, and the cases that come of it: every check x every
// backend of a registry x {threads, processes}. A backend is excused by its traits only, with the
// reason.
#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "impl/driver/peers_test.h"
#include "impl/driver/traits.h"

namespace ipc {

// Why these traits excuse a backend from a check; nothing when they do not.
using Waiver = std::optional<std::string> (*)(const Traits&);

template <class Entry>
struct Check {
  const char* name;
  void (*body)(const Entry&, Peers);
  Waiver waiver = nullptr;
  bool with_threads = true;       // false: about fork or kill
  bool needs_transport = true;    // false: also for what carries nothing
  bool Traits::*about = nullptr;  // an ability: a backend without it is not concerned
};

// Why the check says nothing about this backend here; nothing when it does.
template <class Entry>
std::optional<std::string> excused(const Check<Entry>& check, const Entry& entry) {
  if (auto reason = entry.traits.available()) return reason;
  return check.waiver == nullptr ? std::nullopt : check.waiver(entry.traits);
}

// What is wrong with the backend. The peers run as `peers` says, the whole under a watchdog in
// `where`.
template <class Entry>
Verdict run_check(const Check<Entry>& check, const Entry& entry, Peers peers, Peers where,
                  std::chrono::seconds limit = kCheckLimit) {
  return watched(where, limit, [&check, entry, peers] { check.body(entry, peers); });
}

// Refers to an entry and a check that live as long as the program, as a registry's do.
template <class Entry>
struct Case {
  const Entry& entry;
  const Check<Entry>& check;
  Peers peers;

  // Cases whose name says Processes fork; no other does.
  std::string name() const {
    return entry.name + (peers == Peers::threads ? "_Threads_" : "_Processes_") + check.name;
  }
  friend std::ostream& operator<<(std::ostream& out, const Case& self) {
    return out << self.name();
  }
};

template <class Entry>
std::vector<Case<Entry>> cases_of(const Entry& entry, const std::vector<Check<Entry>>& checks) {
  std::vector<Case<Entry>> cases;
  for (const Check<Entry>& check : checks) {
    // A backend that carries nothing (null) has nothing to answer to most of them.
    if (check.needs_transport && !entry.traits.transports) continue;
    if (check.about != nullptr && !(entry.traits.*check.about)) continue;
    if (check.with_threads) cases.push_back({entry, check, Peers::threads});
    cases.push_back({entry, check, Peers::processes});
  }
  return cases;
}

}  // namespace ipc
