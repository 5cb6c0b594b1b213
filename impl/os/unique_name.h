// SPDX-License-Identifier: MIT
// Names for what is to lose them at once.
#pragma once

#include <unistd.h>

#include <atomic>
#include <string>

#include "impl/os/deadline.h"

namespace ipc {

// How the name of a folder of ours in TMPDIR begins.
inline constexpr char kTemporaryFolder[] = "ipcbench.";

// For a kernel object: one that nobody else has.
inline std::string unique_name() {
  static std::atomic<unsigned> count{0};  // two threads may see the same time
  return "/ipcbench-" + std::to_string(getpid()) + "-" + std::to_string(monotonic_ns()) + "-" +
         std::to_string(count.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace ipc
