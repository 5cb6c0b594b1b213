// SPDX-License-Identifier: MIT
// Two connected unix sockets, one for each side of a pipe. A one-way pipe is the same with one
// direction shut down.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <utility>

#include "impl/os/socket.h"
#include "impl/pipe/backend.h"

namespace ipc {

class SocketSides {
 public:
  SocketSides(SocketPair sides, const PipeOptions& options) : sides_(std::move(sides)) {
    for (const UniqueFd& side : sides_.ends) {
      capacity_bytes_ = ask_socket_buffer(side.get(), SO_SNDBUF, options.capacity_bytes);
    }
    if (!options.duplex) make_one_way(sides_);
  }
  explicit SocketSides(SentSide& sent) : capacity_bytes_(sent.capacity_bytes) {
    sides_.ends[sent.side] = sent.take();
  }

  UniqueFd take(int side) { return std::move(sides_.ends[side]); }
  void drop(int side) { sides_.ends[side].reset(); }
  UniqueFd duplicate_of(int side) const { return duplicate(sides_.ends[side]); }
  std::size_t capacity_bytes() const { return capacity_bytes_; }  // what a side's sends may hold

 private:
  SocketPair sides_;
  std::size_t capacity_bytes_ = 0;
};

}  // namespace ipc
