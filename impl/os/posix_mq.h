// SPDX-License-Identifier: MIT
// A POSIX message queue that has lost its name: what the pipe and the queue called posix_mq have in
// common.
//
// Constructed before the processes that use it. Fork copies the descriptor, and the queue is gone
// with the last one. Any thread of any process may call. Without a deadline, send and receive are
// the bare system calls. With one, they wait in ppoll, for mq_timedreceive keeps its time on the
// wall clock, which may be set meanwhile.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"
#include "impl/os/unique_fd.h"

namespace ipc {

class PosixMq {
 public:
  // For as many messages of message_bytes (0: not known) as fit capacity_bytes and the system's
  // limits, but one at least. Throws std::system_error.
  PosixMq(std::size_t capacity_bytes, std::size_t message_bytes);

  // The longest message that the system's limits allow, two such queues at a time.
  static std::size_t max_message();
  static std::size_t unsized_message();  // the longest where message_bytes was 0
  static std::optional<std::string> why_unavailable();

  Status send(std::span<const std::byte> message, Deadline deadline);
  // closed: the end mark is next, and stays.
  Status receive(Buffer& message, Deadline deadline);
  Status ready(Deadline deadline) const;
  int wait_fd() const { return queue_.get(); }
  std::size_t capacity_bytes() const { return messages_ * message_bytes_; }

  // Puts the end mark behind all messages. False when the queue is full.
  bool mark_end();
  // Makes room for senders that wait although nobody is left to receive.
  void release_senders();

 private:
  std::size_t messages_;
  std::size_t message_bytes_;
  UniqueFd queue_;
};

}  // namespace ipc
