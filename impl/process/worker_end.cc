// SPDX-License-Identifier: MIT
#include "impl/process/worker_end.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "impl/os/error.h"
#include "impl/os/stream.h"

namespace ipc::detail {

WorkerEnd::WorkerEnd(UniqueFd socket) : socket_(std::move(socket)) {
  if (fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0) throw_errno("O_NONBLOCK of a socket");
}

WorkerEnd::Progress WorkerEnd::send(std::span<const std::byte> message) {
  while (sent_ < kFrameHeader + message.size()) {
    const ssize_t n = write_frame_part(socket_.get(), message, sent_);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      return Progress::more;
    } else if (errno != EINTR) {
      return Progress::closed;
    }
  }
  sent_ = 0;
  return Progress::done;
}

WorkerEnd::Progress WorkerEnd::receive() {
  if (std::exchange(is_done_, false)) {
    got_ = 0;
    if (std::exchange(is_long_, false)) long_ = Buffer();
  }
  for (;;) {
    std::span<std::byte> room = std::span(first_).subspan(is_long_ ? first_.size() : got_);
    if (got_ >= kFrameHeader) {
      const std::int64_t length = decode_frame_header(first_.data());
      const std::size_t total = kFrameHeader + static_cast<std::size_t>(length);
      if (length < 0 || got_ > total) return Progress::broken;
      if (got_ == total) {
        is_done_ = true;
        return Progress::done;
      }
      if (total > first_.size()) {
        if (!is_long_) {
          long_.resize(total - kFrameHeader);
          std::memcpy(long_.data(), first_.data() + kFrameHeader, got_ - kFrameHeader);
          is_long_ = true;
        }
        room = long_.bytes().subspan(got_ - kFrameHeader);
      }
    }
    const ssize_t n = read(socket_.get(), room.data(), room.size());
    if (n > 0) {
      got_ += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      return Progress::more;
    } else if (n == 0 || errno != EINTR) {
      return Progress::closed;
    }
  }
}

std::span<const std::byte> WorkerEnd::message() const {
  if (is_long_) return long_.bytes();
  return std::span(first_).first(got_).subspan(kFrameHeader);
}

}  // namespace ipc::detail
