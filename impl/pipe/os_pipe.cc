// SPDX-License-Identifier: MIT
// os_pipe: a pipe(2) each way (one for a one-way pipe), length-prefixed messages, header and
// payload in one writev, small messages read ahead. Kernel objects: one or two anonymous pipes.
// Wait class: block. Source: pipe(7); CPython's Pipe(duplex=False). Limit: an unprivileged user's
// pipes are limited in size and number (/proc/sys/fs/pipe-*).
#include "impl/pipe/backend.h"
#include "impl/pipe/ends_of_sides.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {
namespace {

class OsPipe {
 public:
  explicit OsPipe(const PipeOptions& options)
      : ends_(options.duplex, [&] { return make_pipe(options.capacity_bytes); }),
        capacity_bytes_(pipe_capacity(ends_.of(0).read.get())) {}

  std::unique_ptr<StreamEndpoint> open(int side) {
    return std::make_unique<StreamEndpoint>(ends_.take(side));
  }
  void drop(int side) { ends_.drop(side); }
  std::size_t capacity_bytes() const { return capacity_bytes_; }

 private:
  EndsOfSides ends_;
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
