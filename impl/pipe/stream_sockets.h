// SPDX-License-Identifier: MIT
// A pipe over two connected stream sockets, one for each side: what unix_stream and unix_named have
// in common. A one-way pipe is the same with one direction shut down.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <utility>
#include <vector>

#include "impl/os/socket.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {

class StreamSockets {
 public:
  StreamSockets(SocketPair sides, const PipeOptions& options) : sides_(std::move(sides)) {
    ignore_sigpipe();
    for (const UniqueFd& side : sides_.ends) {
      capacity_bytes_ = ask_socket_buffer(side.get(), SO_SNDBUF, options.capacity_bytes);
    }
    if (!options.duplex) make_one_way(sides_);
  }
  explicit StreamSockets(SentSide sent) : capacity_bytes_(sent.capacity_bytes) {
    ignore_sigpipe();
    sides_.ends[sent.side] = sent.take();
  }

  std::unique_ptr<StreamEndpoint> open(int side) {
    return std::make_unique<StreamEndpoint>(std::move(sides_.ends[side]), UniqueFd());
  }
  void drop(int side) { sides_.ends[side].reset(); }
  std::size_t capacity_bytes() const { return capacity_bytes_; }
  std::vector<UniqueFd> duplicates(int side) const {
    return descriptors_of(duplicate(sides_.ends[side]));
  }

 private:
  SocketPair sides_;
  std::size_t capacity_bytes_;
};

}  // namespace ipc
