// SPDX-License-Identifier: MIT
// Sleeping on a word in shared memory. Shared between processes on purpose: std::atomic::wait and
// FUTEX_PRIVATE never wake another process.
#pragma once

#include <atomic>
#include <cstdint>

#include "impl/os/deadline.h"

namespace ipc {

// Sleeps while *word == expected. True when it was woken; false when the word was another, a signal
// came or the deadline passed. Look at the word again either way.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline);

// Wakes at most `count` sleepers and says how many. The word must have been changed before, or a
// wake-up can be lost.
int futex_wake(const std::atomic<std::uint32_t>& word, int count);

}  // namespace ipc
