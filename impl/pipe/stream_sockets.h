// SPDX-License-Identifier: MIT
// A pipe over two connected stream sockets: what unix_stream and unix_named have in common.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "impl/pipe/backend.h"
#include "impl/pipe/socket_sides.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {

class StreamSockets {
 public:
  StreamSockets(SocketPair sides, const PipeOptions& options) : sides_(std::move(sides), options) {
    ignore_sigpipe();
  }
  explicit StreamSockets(SentSide sent) : sides_(sent) { ignore_sigpipe(); }

  std::unique_ptr<StreamEndpoint> open(int side) {
    return std::make_unique<StreamEndpoint>(sides_.take(side), UniqueFd());
  }
  void drop(int side) { sides_.drop(side); }
  std::size_t capacity_bytes() const { return sides_.capacity_bytes(); }
  std::vector<UniqueFd> duplicates(int side) const {
    return descriptors_of(sides_.duplicate_of(side));
  }

 private:
  SocketSides sides_;
};

}  // namespace ipc
