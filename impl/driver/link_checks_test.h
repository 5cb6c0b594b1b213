// SPDX-License-Identifier: MIT
// The checks of messages and of waiting that pipes and queues have in common, and the reason to be
// excused. Each fails (peers_test.h) where the backend breaks its contract.
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
void check_signals(const Subject& subject);
void check_ready(const Subject& subject);
void check_wait_fd(const Subject& subject);

// Being stopped. REQUIRES: peers are processes.
void check_stopped_sender(const Subject& subject);
void check_stopped_receiver(const Subject& subject);

// Excuses.
std::optional<std::string> needs_descriptor(const Traits& traits);

}  // namespace ipc
