// SPDX-License-Identifier: MIT
#include "impl/os/per_process.h"

#include <pthread.h>

namespace ipc {
namespace {

std::atomic<std::uint64_t> generation{0};
const int registered = pthread_atfork(nullptr, nullptr, [] {
  generation.fetch_add(1, std::memory_order_relaxed);  // the child has one thread
});

}  // namespace

std::uint64_t fork_generation() { return generation.load(std::memory_order_relaxed); }

}  // namespace ipc
