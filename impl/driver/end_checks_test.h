// SPDX-License-Identifier: MIT
// The checks of what a process leaves when it ends or is killed that pipes and queues have in
// common, and the reasons to be excused. Each fails (peers_test.h) where the backend breaks its
// contract.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "impl/driver/link_test.h"

namespace ipc {

void check_killed_sender(const Subject& subject);
void check_nothing_left(const Subject& subject);
void check_endpoints_let_go(const Subject& subject);
void check_nothing_left_by_kill(const Subject& subject);

// A victim is killed in each of the three states, and what the others notice is compared with the
// traits. `measure(state, step)` is the family's, and raises `step` between any two of its calls.
// Where survives_kill is false it is done several times: what is stated must be seen once, and
// never worse.
enum class Victim { idle, sending, receiving };
inline constexpr std::chrono::milliseconds kVictimSettles{300};  // asleep for so long, it is there
inline constexpr std::chrono::milliseconds kNoNews{1000};        // so long a silence is a hang
inline constexpr std::size_t kVictimBytes = 256 * 1024;          // of a message that it is sending
// Tells when it is about to be in that state, and is in it for ever; `sent` counts its sends that
// said ok.
void be_victim(AnyEndpoint& end, Victim state, std::size_t bytes, Signal& about_to_be,
               Signal* sent = nullptr);
// Waits until the victim is in its state, however busy the machine is: none of its threads was
// seen to run or to want to for kVictimSettles, or they ran for as long, for some wait by spinning.
void settle(const Peer& victim);
void expect_as_stated(const Traits& traits,
                      const std::function<AfterKill(Victim, Signal& step)>& measure);
// Kills a user after its send or receive, which need not wait, and inside, at instructions that are
// spread evenly, until a call of the others does not come to an end or, where the traits state no
// more, not before its deadline. Fails when that is never seen. A helper is stopped meanwhile.
inline constexpr std::size_t kHeldUpBytes = 64;  // of all messages
struct Others {
  using Calls = std::function<Status(AnyEndpoint& here, Role victim)>;
  Calls before;  // so that a receive need not wait
  Calls after;   // with deadlines; gives what the last one said
};
void expect_others_held_up(const Subject& subject, const Others& others);

// Excuses.
std::optional<std::string> needs_survival(const Traits& traits);
std::optional<std::string> needs_hang(const Traits& traits);
// For KillIsNoticed, which waits for seconds: a sanitizer sees the same of those who survive a kill
// in the checks of what they survive.
std::optional<std::string> needs_unsanitized(const Traits& traits);
std::optional<std::string> needs_letting_go(const Traits& traits);

}  // namespace ipc
