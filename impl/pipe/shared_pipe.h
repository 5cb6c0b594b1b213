// SPDX-License-Identifier: MIT
// What the two connections of one pipe share in a process: the backend, and whether each side was
// opened or dropped.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "impl/pipe/backend.h"

namespace ipc {

// Any thread may call. Fork must not meet a call, else the child finds the lock taken.
class SharedPipe {
 public:
  SharedPipe(std::string backend, std::unique_ptr<AnyPipe> pipe)
      : backend_(std::move(backend)), pipe_(std::move(pipe)) {}

  const std::string& backend() const { return backend_; }
  // REQUIRES: the side was neither opened nor dropped in this process.
  std::unique_ptr<AnyEndpoint> open(int side) {
    std::lock_guard hold(mutex_);
    return pipe_->open(side);
  }
  void drop(int side) {
    std::lock_guard hold(mutex_);
    pipe_->drop(side);
  }
  // For another process. REQUIRES: Traits::sendable, and as open.
  std::vector<UniqueFd> duplicates(int side) {
    std::lock_guard hold(mutex_);
    return pipe_->duplicates(side);
  }
  std::size_t capacity_bytes() const { return pipe_->capacity_bytes(); }

 private:
  std::string backend_;
  std::mutex mutex_;  // the backend's contract says nothing about two threads
  std::unique_ptr<AnyPipe> pipe_;
};

}  // namespace ipc
