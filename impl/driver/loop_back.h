// SPDX-License-Identifier: MIT
// The endpoint of the `null` backends: measures what the driver's loops cost by themselves. Nothing
// leaves the process. A send does nothing, a receive makes the message that producer 0 would have
// sent next.
#pragma once

#include <algorithm>
#include <span>

#include "impl/driver/payload.h"
#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

class LoopBack {
 public:
  explicit LoopBack(std::size_t message_bytes) : bytes_(std::max(message_bytes, kMinPayload)) {}

  Status send(std::span<const std::byte>) { return Status::ok; }
  Status receive(Buffer& message) {
    message.resize(bytes_);
    fill_payload(message.bytes(), make_tag(0, next_++));
    return Status::ok;
  }
  Status send_until(std::span<const std::byte> message, Deadline) { return send(message); }
  Status receive_until(Buffer& message, Deadline) { return receive(message); }
  Status ready(Deadline) const { return Status::ok; }

 private:
  std::size_t bytes_;
  std::uint64_t next_ = 0;
};

}  // namespace ipc
