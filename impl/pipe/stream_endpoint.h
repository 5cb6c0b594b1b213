// SPDX-License-Identifier: MIT
// The endpoint of every pipe whose transport is a byte stream: framed messages over a descriptor to
// read from and one to write to, which may be the same.
#pragma once

#include <memory>
#include <utility>

#include "impl/os/stream.h"

namespace ipc {

class StreamEndpoint {
 public:
  explicit StreamEndpoint(PipeEnds ends)
      : StreamEndpoint(std::move(ends.read), std::move(ends.write)) {}
  // `write` empty: both directions use `read`.
  StreamEndpoint(UniqueFd read, UniqueFd write)
      : read_(std::move(read)),
        write_(std::move(write)),
        write_fd_(write_ ? write_.get() : read_.get()) {}

  Status send(std::span<const std::byte> message) {
    return write_frame(write_fd_, message, Deadline::never());
  }
  Status receive(Buffer& message) {
    return reader_.receive(read_.get(), message, Deadline::never());
  }
  Status send_until(std::span<const std::byte> message, Deadline deadline) {
    return write_frame(write_fd_, message, deadline);
  }
  Status receive_until(Buffer& message, Deadline deadline) {
    return reader_.receive(read_.get(), message, deadline);
  }
  Status ready(Deadline deadline) const { return reader_.ready(read_.get(), deadline); }
  int wait_fd() const { return read_ ? read_.get() : write_fd_; }

 private:
  UniqueFd read_;
  UniqueFd write_;
  int write_fd_;
  FrameReader reader_;
};

}  // namespace ipc
