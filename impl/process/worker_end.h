// SPDX-License-Identifier: MIT
// The pool's end of the socket to a worker, which never waits: frames as in stream.h, one message
// at a time each way, in as many parts as it takes.
//
// One thread at a time sends, one receives.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "impl/os/buffer.h"
#include "impl/os/unique_fd.h"

namespace ipc::detail {

class WorkerEnd {
 public:
  enum class Progress {
    done,
    more,    // the rest when poll(2) says so
    closed,  // the worker does not take or give it any more
    broken,  // the same, and it has done what no worker does
  };

  explicit WorkerEnd(UniqueFd socket);  // throws std::system_error

  int fd() const { return socket_.get(); }
  void close() { socket_.reset(); }

  // After `more`, again with the same message.
  Progress send(std::span<const std::byte> message);
  // After `done` there is a message(), until the next call. Throws std::bad_alloc.
  Progress receive();
  std::span<const std::byte> message() const;

 private:
  static constexpr std::size_t kFirst = 4096;  // bytes; what is longer has a buffer of its own

  UniqueFd socket_;
  std::size_t sent_ = 0;
  std::array<std::byte, kFirst> first_;  // with the header
  Buffer long_;                          // without it
  bool is_long_ = false;
  bool is_done_ = false;
  std::size_t got_ = 0;  // with the header
};

}  // namespace ipc::detail
