// SPDX-License-Identifier: MIT
// A pipe over a kernel pipe each way (one for a one-way pipe): what os_pipe and fifo have in
// common.
#pragma once

#include <cstddef>
#include <memory>

#include "impl/pipe/backend.h"
#include "impl/pipe/ends_of_sides.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {

// `make` gives both ends of one kernel pipe, of a capacity in bytes.
template <PipeEnds (*make)(std::size_t)>
class KernelPipes {
 public:
  explicit KernelPipes(const PipeOptions& options)
      : ends_(options.duplex, [&] { return make(options.capacity_bytes); }),
        capacity_bytes_(pipe_capacity(ends_.of(0).read.get())) {}
  explicit KernelPipes(SentSide sent) : ends_(sent), capacity_bytes_(sent.capacity_bytes) {
    ignore_sigpipe();
  }

  std::unique_ptr<StreamEndpoint> open(int side) {
    return std::make_unique<StreamEndpoint>(ends_.take(side));
  }
  void drop(int side) { ends_.drop(side); }
  std::size_t capacity_bytes() const { return capacity_bytes_; }
  std::vector<UniqueFd> duplicates(int side) const { return ends_.duplicates(side); }

 private:
  EndsOfSides ends_;
  std::size_t capacity_bytes_;
};

}  // namespace ipc
