// SPDX-License-Identifier: MIT
// The checks that pipes and queues have in common, and the reasons to be excused from them. Each
// fails (peers_test.h) where the backend breaks its contract.
#pragma once

#include <optional>
#include <string>

#include "impl/driver/link_test.h"

namespace ipc {

// Messages.
void check_order(const Subject& subject);
void check_boundaries(const Subject& subject);
void check_empty_messages(const Subject& subject);
void check_largest_message(const Subject& subject);
void check_too_big(const Subject& subject);
void check_stream_loops(const Subject& subject);

// Waiting.
void check_full(const Subject& subject);
void check_deadlines(const Subject& subject);
void check_short_deadlines(const Subject& subject);
void check_ready(const Subject& subject);
void check_wait_fd(const Subject& subject);

// The end.
void check_killed_sender(const Subject& subject);
void check_nothing_left(const Subject& subject);
void check_nothing_left_by_kill(const Subject& subject);

// A victim is killed in each of the three states, and what the others notice is compared with the
// traits. `measure(state)` is the family's.
enum class Victim { idle, sending, receiving };
inline constexpr std::chrono::milliseconds kVictimSettles{100};  // until it is in its state
inline constexpr std::chrono::milliseconds kNoNews{500};         // so long a silence is a hang
inline constexpr std::size_t kVictimBytes = 256 * 1024;          // of a message that it is sending
// Tells when it is about to be in that state, and is in it for ever.
void be_victim(AnyEndpoint& end, Victim state, std::size_t bytes, Signal& about_to_be);
void expect_as_stated(const Traits& traits, const std::function<AfterKill(Victim)>& measure);

std::optional<std::string> needs_descriptor(const Traits& traits);
std::optional<std::string> needs_survival(const Traits& traits);
std::optional<std::string> needs_no_leftovers(const Traits& traits);

}  // namespace ipc
