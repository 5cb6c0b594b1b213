// SPDX-License-Identifier: MIT
#include "impl/sync/semaphore.h"

#include <string>

#include "impl/os/error.h"

namespace ipc {
namespace {

std::uint32_t checked(std::int64_t value) {
  if (value < 0 || value > SemaphoreWord::kMax) {
    throw ValueError("a semaphore's value is " + std::to_string(value) + "; valid are 0 to " +
                     std::to_string(SemaphoreWord::kMax));
  }
  return static_cast<std::uint32_t>(value);
}

}  // namespace

Semaphore::Semaphore(std::int64_t value, std::int64_t limit)
    : limit_(checked(limit)), word_(checked(value)) {}

void Semaphore::release() {
  if (!word_->release(limit_)) {
    throw ValueError("release of a semaphore whose value is " + std::to_string(limit_) +
                     ", the most that it can be");
  }
}

}  // namespace ipc
