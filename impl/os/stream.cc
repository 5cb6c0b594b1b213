// SPDX-License-Identifier: MIT
#include "impl/os/stream.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "impl/os/error.h"

namespace ipc {
namespace {

constexpr std::size_t kSmall = 512;  // up to here a copy costs less than a second part in writev

// Waits for events with the status of a send or a receive.
Status wait_for(int fd, short events, Deadline deadline) {
  const int reported = poll_until(fd, events, deadline);
  if (reported > 0) return Status::ok;
  return reported == 0 ? Status::timed_out : Status::system_error;
}

}  // namespace

ssize_t write_frame_part(int fd, std::span<const std::byte> message, std::size_t sent,
                         std::size_t limit) {
  std::byte header[kFrameHeader];
  encode_frame_header(message.size(), header);
  limit = std::min(limit, kFrameHeader + message.size() - sent);
  if (sent == 0 && message.size() <= kSmall) {
    std::byte frame[kFrameHeader + kSmall];
    std::memcpy(frame, header, kFrameHeader);
    if (!message.empty()) std::memcpy(frame + kFrameHeader, message.data(), message.size());
    return write(fd, frame, limit);
  }
  iovec parts[2];
  int count = 0;
  std::size_t body = 0;
  if (sent < kFrameHeader) {
    parts[count++] = {header + sent, kFrameHeader - sent};
    limit -= kFrameHeader - sent;
  } else {
    body = sent - kFrameHeader;
  }
  // writev only reads, the cast is the price of one struct for both directions.
  parts[count++] = {const_cast<std::byte*>(message.data()) + body,
                    std::min(limit, message.size() - body)};
  return writev(fd, parts, count);
}

Status stream_failure() {
  if (errno == EPIPE) return Status::closed;
  if (errno == ECONNRESET) return Status::peer_died;
  return Status::system_error;
}

void encode_frame_header(std::size_t length, std::byte* header) {
  const std::uint32_t wire = __builtin_bswap32(static_cast<std::uint32_t>(length));
  std::memcpy(header, &wire, sizeof wire);
}

std::int64_t decode_frame_header(const std::byte* header) {
  std::uint32_t wire;
  std::memcpy(&wire, header, sizeof wire);
  const std::uint32_t length = __builtin_bswap32(wire);
  return length > kMaxFrame ? std::int64_t{-1} : std::int64_t{length};
}

Status write_frame(int fd, std::span<const std::byte> message, Deadline deadline) {
  if (message.size() > kMaxFrame) return Status::too_big;
  std::size_t sent = 0;
  while (sent < kFrameHeader + message.size()) {
    std::size_t limit = SIZE_MAX;
    if (sent == 0 && !deadline.is_never()) {
      // A descriptor that polls writable takes a page without blocking; once the message has begun,
      // the rest may wait.
      if (Status s = wait_for(fd, POLLOUT, deadline); s != Status::ok) return s;
      limit = PIPE_BUF;
    }
    const ssize_t written = write_frame_part(fd, message, sent, limit);
    if (written < 0) {
      if (errno == EINTR) continue;
      return stream_failure();
    }
    sent += static_cast<std::size_t>(written);
  }
  return Status::ok;
}

Status read_exactly(int fd, std::byte* to, std::size_t size) {
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = read(fd, to + got, size - got);
    if (n == 0) return got == 0 ? Status::closed : Status::corrupt;
    if (n < 0) {
      if (errno == EINTR) continue;
      return stream_failure();
    }
    got += static_cast<std::size_t>(n);
  }
  return Status::ok;
}

Status FrameReader::receive(int fd, Buffer& message, Deadline deadline) {
  if (!deadline.is_never()) {
    if (Status s = ready(fd, deadline); s != Status::ok) return s;
  }
  return receive_by([fd](std::byte* to, std::size_t size, bool) { return read(fd, to, size); },
                    message);
}

Status FrameReader::ready(int fd, Deadline deadline) const {
  return has_buffered() ? Status::ok : wait_for(fd, POLLIN, deadline);
}

PipeEnds make_pipe(std::size_t capacity_bytes) {
  ignore_sigpipe();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
  PipeEnds pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  set_pipe_capacity(ends[0], capacity_bytes);
  return pipe;
}

void set_pipe_capacity(int fd, std::size_t bytes) {
  if (bytes != pipe_capacity(fd) &&
      fcntl(fd, F_SETPIPE_SZ, static_cast<int>(std::min<std::size_t>(bytes, INT_MAX))) < 0) {
    throw_errno("F_SETPIPE_SZ to " + std::to_string(bytes) +
                " bytes (limit: /proc/sys/fs/pipe-max-size)");
  }
}

std::size_t pipe_capacity(int fd) {
  const int bytes = fcntl(fd, F_GETPIPE_SZ);
  if (bytes < 0) throw_errno("F_GETPIPE_SZ");
  return static_cast<std::size_t>(bytes);
}

void ignore_sigpipe() {
  struct sigaction action;
  if (sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
    signal(SIGPIPE, SIG_IGN);
  }
}

}  // namespace ipc
