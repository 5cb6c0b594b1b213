// SPDX-License-Identifier: MIT
#include "impl/queue/locked_pipe.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "impl/os/error.h"
#include "impl/os/futex.h"

namespace ipc {
namespace {

// How often those who wait for a half-written frame look for its writer's death.
constexpr std::chrono::milliseconds kLook{20};

// Bytes in the pipe.
std::size_t waiting(int fd) {
  int bytes = 0;
  if (ioctl(fd, FIONREAD, &bytes) != 0) throw_errno("FIONREAD");
  return static_cast<std::size_t>(bytes);
}

}  // namespace

bool LockedPipe::between_frames() const {
  return std::all_of(state_->header, state_->header + kFrameHeader,
                     [](std::byte b) { return b == kNoFrame; });
}

Status LockedPipe::send(std::span<const std::byte> message, Deadline deadline) {
  if (message.size() > kMaxFrame) return Status::too_big;
  for (;;) {
    const RobustMutex::Taken taken = state_->writing.lock(deadline);
    if (taken == RobustMutex::Taken::timed_out) return Status::timed_out;
    // Up to PIPE_BUF a frame is written whole or not at all.
    if (taken == RobustMutex::Taken::owner_died && state_->frame_bytes > PIPE_BUF) state_->torn = 1;
    if (state_->torn != 0) settle_torn();
    if (state_->torn == 0 && !broken()) break;
    state_->writing.unlock();
    if (broken()) return Status::corrupt;
    if (deadline.passed()) return Status::timed_out;
    futex_wait(state_->torn, 1, deadline.within(kLook));
  }
  state_->frame_bytes = kFrameHeader + message.size();
  const Status status = write_frame(pipe_.write.get(), message, deadline);
  state_->frame_bytes = 0;
  state_->writing.unlock();
  return status;
}

// With nothing in the pipe and no reader inside a frame, the dead writer's frame was complete after
// all. A reader inside a frame finds out by itself (read_body). REQUIRES: `writing` is held.
void LockedPipe::settle_torn() {
  if (waiting(pipe_.read.get()) == 0 && between_frames()) state_->torn = 0;
}

Status LockedPipe::receive(Buffer& message, Deadline deadline) {
  for (;;) {
    const RobustMutex::Taken taken = state_->reading.lock(deadline);
    if (taken == RobustMutex::Taken::timed_out) return Status::timed_out;
    if (taken == RobustMutex::Taken::owner_died && !between_frames()) state_->broken = true;
    const Status status = broken() ? discard(deadline) : read_locked(message, deadline);
    state_->reading.unlock();
    if (status != Status::peer_died)
      return status;  // else a torn frame was dropped: wait for the next
  }
}

// REQUIRES: `reading` is held.
Status LockedPipe::read_locked(Buffer& message, Deadline deadline) {
  if (!deadline.is_never()) {
    if (Status s = ready(deadline); s != Status::ok) return s;
  }
  ssize_t first;
  do {
    first = read(pipe_.read.get(), state_->header, kFrameHeader);
  } while (first < 0 && errno == EINTR);
  if (first <= 0) return Status::system_error;
  // The length of a long frame may come in two parts: the kernel first fills its last page with
  // what the frame is longer than whole pages.
  const auto got = static_cast<std::size_t>(first);
  Status status = read_rest(state_->header + got, kFrameHeader - got);
  if (status == Status::ok) {
    const std::int64_t length = decode_frame_header(state_->header);
    status = Status::corrupt;
    if (length >= 0) {
      try {
        message.resize(static_cast<std::size_t>(length));
      } catch (
          ...) {  // no memory for it: its bytes stay in the pipe, and the lock must not stay taken
        state_->broken = true;
        state_->reading.unlock();
        throw;
      }
      status = read_body(message);
    }
  }
  if (status == Status::corrupt || status == Status::system_error) state_->broken = true;
  std::fill_n(state_->header, kFrameHeader, kNoFrame);
  return status;
}

// As read_rest, of which a frame that was written in one piece has no need.
Status LockedPipe::read_body(Buffer& message) {
  if (kFrameHeader + message.size() > PIPE_BUF) return read_rest(message.data(), message.size());
  return read_exactly(pipe_.read.get(), message.data(), message.size());
}

// Reads on in a frame that has begun. peer_died: its writer is dead, the frame was dropped.
// REQUIRES: `reading` is held.
Status LockedPipe::read_rest(std::byte* to, std::size_t size) {
  const int fd = pipe_.read.get();
  std::size_t got = 0;
  while (got < size) {
    const int events = poll_until(fd, POLLIN, Deadline::after(kLook));
    if (events < 0) return Status::system_error;
    if (events == 0) {
      if (drop_torn_frame()) return Status::peer_died;
      continue;
    }
    const ssize_t n = read(fd, to + got, size - got);
    if (n < 0 && errno != EINTR) return Status::system_error;
    if (n > 0) got += static_cast<std::size_t>(n);
  }
  return Status::ok;
}

// True when the writer of the frame being read is dead; the pipe is empty then, and writers may go
// on. REQUIRES: `reading` is held, and the pipe gave nothing for a while.
bool LockedPipe::drop_torn_frame() {
  const RobustMutex::Taken taken = state_->writing.lock(Deadline::now());
  if (taken == RobustMutex::Taken::timed_out) return false;  // somebody is writing
  const bool dead = taken == RobustMutex::Taken::owner_died || state_->torn != 0;
  // Nobody writes while we hold the lock, so what came meanwhile is the rest of a frame that was
  // finished.
  const bool torn = dead && waiting(pipe_.read.get()) == 0;
  if (torn) {
    state_->torn = 0;
    state_->frame_bytes = 0;
    std::fill_n(state_->header, kFrameHeader, kNoFrame);
  } else if (dead) {
    state_->torn = 1;  // keep the writers out until it is settled
  }
  state_->writing.unlock();
  if (torn) futex_wake(state_->torn, INT_MAX);
  return torn;
}

// Empties a broken pipe until nobody is writing any more: a writer inside a long frame could not
// end it otherwise. One that is stopped there is not waited for beyond the deadline.
// REQUIRES: `reading` is held.
Status LockedPipe::discard(Deadline deadline) {
  std::byte dropped[PIPE_BUF];
  for (;;) {
    while (poll_until(pipe_.read.get(), POLLIN, Deadline::now()) > 0) {
      if (read(pipe_.read.get(), dropped, sizeof dropped) <= 0) return Status::system_error;
    }
    const RobustMutex::Taken taken =
        state_->writing.lock(Deadline::after(std::chrono::milliseconds(1)));
    if (taken == RobustMutex::Taken::timed_out) {
      if (deadline.passed()) return Status::corrupt;
      continue;
    }
    state_->writing.unlock();
    if (waiting(pipe_.read.get()) == 0) return Status::corrupt;
  }
}

Status LockedPipe::ready(Deadline deadline) const {
  if (broken()) return Status::ok;
  const int events = poll_until(pipe_.read.get(), POLLIN, deadline);
  if (events > 0) return Status::ok;
  return events == 0 ? Status::timed_out : Status::system_error;
}

}  // namespace ipc
