// SPDX-License-Identifier: MIT
// os_pipe: a pipe(2) each way (one for a one-way pipe), length-prefixed messages, header and
// payload in one writev, small messages read ahead. Kernel objects: one or two anonymous pipes.
// Wait class: block. Source: pipe(7); CPython's Pipe(duplex=False). Limit: an unprivileged user's
// pipes are limited in size and number (/proc/sys/fs/pipe-*).
#include "impl/pipe/backend.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {
namespace {

class OsPipe {
 public:
  explicit OsPipe(const PipeOptions& options) {
    connect(1, 0, options.capacity_bytes);
    if (options.duplex) connect(0, 1, options.capacity_bytes);
    capacity_bytes_ = pipe_capacity(read_[0].get());
  }

  std::unique_ptr<StreamEndpoint> open(int side) {
    return std::make_unique<StreamEndpoint>(std::move(read_[side]), std::move(write_[side]));
  }
  void drop(int side) {
    read_[side].reset();
    write_[side].reset();
  }
  std::size_t capacity_bytes() const { return capacity_bytes_; }

 private:
  void connect(int from, int to, std::size_t capacity_bytes) {
    PipeEnds pipe = make_pipe(capacity_bytes);
    read_[to] = std::move(pipe.read);
    write_[from] = std::move(pipe.write);
  }

  UniqueFd read_[2];
  UniqueFd write_[2];
  std::size_t capacity_bytes_;
};

const RegisterPipe<OsPipe> registered(
    "os_pipe",
    {.summary = "pipe(2) each way, length-prefixed messages",
     .source = "pipe(7); CPython's Pipe(duplex=False)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill = "end of file after the messages already sent; corrupt if killed inside a message"});

}  // namespace
}  // namespace ipc
