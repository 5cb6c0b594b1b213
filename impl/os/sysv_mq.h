// SPDX-License-Identifier: MIT
// A System V message queue: what the pipe and the queue called sysv_mq have in common.
//
// Constructed before the processes that use it. Any thread of any process may call. Without a
// deadline, send and receive are the bare msgsnd and msgrcv, but for the copy that puts a type in
// front of a message. They know no deadlines: with one, they look again after naps (naps.h).
//
// It goes with the last process that destroys it (sysv_holders.h).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"
#include "impl/os/sysv_holders.h"

namespace ipc {

class SysvMq {
 public:
  // The capacity is what was asked, or, without the privilege for that, kernel.msgmnb; but not less
  // than the longest message. Throws std::system_error.
  SysvMq(std::size_t capacity_bytes, std::size_t message_bytes);
  SysvMq(const SysvMq&) = delete;
  SysvMq& operator=(const SysvMq&) = delete;

  static constexpr const char* kLeftovers =
      "the queue and a page, if the last process that has it ends without destroying it; removed "
      "when the same user makes the next one, but for one killed while it is being made";
  static std::size_t max_message();  // bytes, kernel.msgmax
  static std::optional<std::string> why_unavailable();

  // closed, of both: somebody has removed the queue.
  Status send(std::span<const std::byte> message, Deadline deadline);
  // closed: also when the end mark is next, which stays.
  Status receive(Buffer& message, Deadline deadline);
  Status ready(Deadline deadline) const;
  std::size_t capacity_bytes() const { return capacity_bytes_; }

  // Puts the end mark behind all messages. False when the queue is full.
  bool mark_end();
  // Removes the queue, as nobody is left to receive: all sends say closed.
  void release_senders();

 private:
  void set_capacity(std::size_t capacity_bytes);

  const std::size_t max_message_;
  SysvHolders holders_;
  int queue_ = -1;
  std::size_t capacity_bytes_;
};

}  // namespace ipc
