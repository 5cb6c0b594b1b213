// SPDX-License-Identifier: MIT
// Sleeping on a word in shared memory. Shared between processes on purpose: std::atomic::wait and
// FUTEX_PRIVATE never wake another process.
#pragma once

#include <atomic>
#include <cstdint>

#include "impl/os/deadline.h"

namespace ipc {

// Sleeps while *word == expected. May return early for no reason: look at the word again.
// False only when the deadline passed.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline);

// Wakes at most `count` sleepers. The word must have been changed before, or a wake-up can be lost.
void futex_wake(const std::atomic<std::uint32_t>& word, int count);

}  // namespace ipc
