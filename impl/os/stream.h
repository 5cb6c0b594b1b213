// SPDX-License-Identifier: MIT
// Messages on a byte stream (a pipe or a stream socket), framed as CPython frames them: a length of
// 4 bytes, big-endian and signed, then the payload. Header and payload leave in one system call.
//
// A writer is for one process or thread at a time, and so is a reader. With a deadline, the limit
// is for the message to begin; a message begun is finished, for the stream would be out of step
// otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

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

// Reads exactly `size` bytes; closed at once at end of file, corrupt when it comes in the middle.
Status read_exactly(int fd, std::byte* to, std::size_t size);

// Receives messages, reading ahead so that a small message costs one read, and many that wait cost
// less. What was read ahead belongs to this reader: fork copies it, nobody else sees it.
class FrameReader {
 public:
  Status receive(int fd, Buffer& message, Deadline deadline);
  // ok when a message has begun to arrive or the stream has ended, timed_out otherwise.
  Status ready(int fd, Deadline deadline) const;
  bool has_buffered() const { return begin_ != end_; }

 private:
  Status fill(int fd);

  Buffer ahead_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool large_ =
      false;  // the last message was: read its successor's header alone, the body in place
};

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
