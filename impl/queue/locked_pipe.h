// SPDX-License-Identifier: MIT
// A pipe(2) that many processes share under a reader lock and a writer lock: what pipe_locked and
// pipe_feeder have in common, and what CPython's queues are made of.
//
// Constructed before the processes that use it; any process and thread may send and receive. A send
// waits while the pipe is full, a receive while it is empty; a deadline is for the message to
// begin.
//
// Unlike CPython's, it survives a killed user, because the locks are robust:
// - killed while waiting for a message: the next reader takes over, nothing is lost;
// - killed inside a long write: the reader drops the part that came, that one message is lost;
// - killed between the two reads of one message: the stream is out of step for good. The next
//   receive notices; from then on every send and receive says Status::corrupt at once instead of
//   hanging or inventing messages, and each receive empties the pipe, so that a writer inside a
//   message gets to its end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "impl/os/mapping.h"
#include "impl/os/stream.h"
#include "impl/sync/process_mutex.h"

namespace ipc {

class LockedPipe {
 public:
  explicit LockedPipe(std::size_t capacity_bytes) : pipe_(make_pipe(capacity_bytes)) {}

  Status send(std::span<const std::byte> message, Deadline deadline);
  Status receive(Buffer& message, Deadline deadline);
  // Says nothing about who will get the message that is there.
  Status ready(Deadline deadline) const;
  bool broken() const { return state_->broken; }  // all is corrupt from now on
  int read_fd() const { return pipe_.read.get(); }
  std::size_t capacity_bytes() const { return pipe_capacity(pipe_.read.get()); }

 private:
  struct State {
    RobustMutex reading;
    RobustMutex writing;
    // The reader has the kernel put each length here, over this mark. A dead reader's lock with the
    // mark untouched means that it had taken nothing. Guarded by `reading`.
    std::byte header[kFrameHeader] = {kNoFrame, kNoFrame, kNoFrame, kNoFrame};
    std::atomic<bool> broken{false};  // set under `reading`, for good; looked at anywhere
    // Bytes of the frame being written, 0 between frames. Guarded by `writing`.
    std::size_t frame_bytes = 0;
    // A writer died inside a frame that is not atomic: writers wait until this is settled. Set and
    // cleared under `writing`, also slept on.
    std::atomic<std::uint32_t> torn{0};
  };
  static constexpr std::byte kNoFrame{0xff};

  bool between_frames() const;
  Status read_locked(Buffer& message, Deadline deadline);
  Status read_body(Buffer& message);
  Status read_rest(std::byte* to, std::size_t size);
  Status discard(Deadline deadline);
  bool drop_torn_frame();
  void settle_torn();

  PipeEnds pipe_;
  Shared<State> state_;
};

}  // namespace ipc
