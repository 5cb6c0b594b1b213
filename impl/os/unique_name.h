// SPDX-License-Identifier: MIT
// A name for a kernel object that is to lose it at once: one that nobody else has.
#pragma once

#include <unistd.h>

#include <atomic>
#include <string>

#include "impl/os/deadline.h"

namespace ipc {

inline std::string unique_name() {
  static std::atomic<unsigned> count{0};  // two threads may see the same time
  return "/ipcbench-" + std::to_string(getpid()) + "-" + std::to_string(monotonic_ns()) + "-" +
         std::to_string(count.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace ipc
