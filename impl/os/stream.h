// SPDX-License-Identifier: MIT
// Messages on a byte stream (a pipe or a stream socket), framed as CPython frames them: a length of
// 4 bytes, big-endian and signed, then the payload. Header and payload leave in one system call.
//
// A writer is for one process or thread at a time, and so is a reader. With a deadline, the limit
// is for the message to begin; a message begun is finished, for the stream would be out of step
// otherwise.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"
#include "impl/os/unique_fd.h"

namespace ipc {

inline constexpr std::size_t kFrameHeader = 4;
inline constexpr std::size_t kMaxFrame = 0x7fffffff;  // bytes of payload

void encode_frame_header(std::size_t length, std::byte* header);
// The payload's length, or -1 if no writer of ours can have sent this.
std::int64_t decode_frame_header(const std::byte* header);

// Sends one message. closed: nobody can read it any more. too_big: over kMaxFrame.
Status write_frame(int fd, std::span<const std::byte> message, Deadline deadline);

// One write(2) of such a message from byte `sent` of its frame on, the header included, at most
// `limit` bytes; returns what that does. REQUIRES: the message has at most kMaxFrame bytes, and the
// limit is more than a header.
ssize_t write_frame_part(int fd, std::span<const std::byte> message, std::size_t sent,
                         std::size_t limit = SIZE_MAX);

// Reads exactly `size` bytes; closed at once at end of file, corrupt when it comes in the middle.
Status read_exactly(int fd, std::byte* to, std::size_t size);

// What errno says of a read or a write that failed.
Status stream_failure();
// The same inside a message: the stream has ended there, however it did.
inline Status cut_off(Status status) {
  return status == Status::system_error ? status : Status::corrupt;
}

// Receives messages, reading ahead so that a small message costs one read, and many that wait cost
// less. What was read ahead belongs to this reader: fork copies it, nobody else sees it.
class FrameReader {
 public:
  // Of messages of at most so many bytes: a longer one is corrupt, and gets no memory.
  explicit FrameReader(std::size_t most = kMaxFrame) : most_(most) {}
  void set_most(std::size_t most) { most_ = most; }

  Status receive(int fd, Buffer& message, Deadline deadline);
  // The same by other means. `read` takes (to, size, all) and does what read(2) does: it waits for
  // one byte or more, and should wait for all where `all` says so.
  template <class Read>
  Status receive_by(const Read& read, Buffer& message);
  // ok when a message has begun to arrive or the stream has ended, timed_out otherwise.
  Status ready(int fd, Deadline deadline) const;
  bool has_buffered() const { return begin_ != end_; }

 private:
  static constexpr std::size_t kReadAhead = 64 * 1024;
  // From here on the second copy costs more than a second read.
  static constexpr std::size_t kLarge = 8 * 1024;

  template <class Read>
  Status fill(const Read& read);

  std::size_t most_;
  Buffer ahead_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool large_ =
      false;  // the last message was: read its successor's header alone, the body in place
};

template <class Read>
Status FrameReader::fill(const Read& read) {
  if (ahead_.size() == 0) ahead_.resize(kReadAhead);
  if (begin_ != 0) {
    std::memmove(ahead_.data(), ahead_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const std::size_t want = large_ ? kFrameHeader - end_ : ahead_.size() - end_;
  for (;;) {
    const ssize_t n = read(ahead_.data() + end_, want, false);
    if (n > 0) {
      end_ += static_cast<std::size_t>(n);
      return Status::ok;
    }
    if (n < 0 && errno == EINTR) continue;
    const Status status = n == 0 ? Status::closed : stream_failure();
    return std::exchange(end_, 0) != 0 ? cut_off(status) : status;  // inside a header
  }
}

template <class Read>
Status FrameReader::receive_by(const Read& read, Buffer& message) {
  while (end_ - begin_ < kFrameHeader) {
    if (Status s = fill(read); s != Status::ok) return s;
  }
  const std::int64_t length = decode_frame_header(ahead_.data() + begin_);
  if (length < 0) return Status::corrupt;
  const auto size = static_cast<std::size_t>(length);
  if (size > most_) return Status::corrupt;
  message.resize(size);  // may throw: the header is still there then
  begin_ += kFrameHeader;
  std::size_t got = std::min(size, end_ - begin_);
  if (got != 0) std::memcpy(message.data(), ahead_.data() + begin_, got);
  begin_ += got;
  if (begin_ == end_) begin_ = end_ = 0;
  large_ = size >= kLarge;
  while (got < size) {
    const ssize_t n = read(message.data() + got, size - got, true);
    if (n == 0) return Status::corrupt;
    if (n < 0 && errno != EINTR) return cut_off(stream_failure());
    if (n > 0) got += static_cast<std::size_t>(n);
  }
  return Status::ok;
}

// Both ends of a pipe(2), close-on-exec. Throws std::system_error.
struct PipeEnds {
  UniqueFd read;
  UniqueFd write;
};
PipeEnds make_pipe(std::size_t capacity_bytes);

// Asks for a pipe of this size. Throws std::system_error if it is more than this user may have.
void set_pipe_capacity(int fd, std::size_t bytes);
// What the kernel granted: at least the asked size, rounded up to pages.
std::size_t pipe_capacity(int fd);

// A write to a pipe without readers must be an error, not the end of the process. Sets SIGPIPE to
// ignored unless the program has a handler of its own. Python does the same.
void ignore_sigpipe();

}  // namespace ipc
