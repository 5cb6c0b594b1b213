// SPDX-License-Identifier: MIT
// unix_dgram: a socketpair of datagrams each way, messages as in unix_seqpacket. Datagrams have no
// end of stream: a lifetime token has, watched by who waits for a message. One pair both ways would
// not do: a send to a side that is gone throws away what that side had sent. Kernel objects: two
// sockets each way, two for the token. Wait class: block. Source: unix(7). Limit: as
// unix_seqpacket, and a receiver that finds nothing needs three system calls a message instead of
// one.
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "impl/os/lifetime_token.h"
#include "impl/os/socket.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/ends_of_sides.h"
#include "impl/pipe/packet_endpoint.h"

namespace ipc {
namespace {

class UnixDgram {
 public:
  explicit UnixDgram(const PipeOptions& options)
      : ends_(options.duplex, [&] { return make_way(options.capacity_bytes); }) {}
  explicit UnixDgram(SentSide sent)
      : capacity_bytes_(sent.capacity_bytes), ends_(sent), token_(sent.side, sent.take()) {}

  std::unique_ptr<PacketEndpoint> open(int side) {
    PipeEnds ends = ends_.take(side);
    return std::make_unique<PacketEndpoint>(
        std::move(ends.read), std::move(ends.write), token_.take(side),
        std::min(capacity_bytes_ - kPacketOverhead, kLargestPacket));
  }
  void drop(int side) {
    ends_.drop(side);
    token_.drop(side);
  }
  std::size_t capacity_bytes() const { return capacity_bytes_; }
  std::vector<UniqueFd> duplicates(int side) const {
    std::vector<UniqueFd> all = ends_.duplicates(side);
    all.push_back(token_.duplicate_of(side));
    return all;
  }

 private:
  PipeEnds make_way(std::size_t capacity_bytes) {
    SocketPair way = make_socket_pair(SOCK_DGRAM);
    capacity_bytes_ = ask_socket_buffer(way.ends[1].get(), SO_SNDBUF, capacity_bytes);
    return {std::move(way.ends[0]), std::move(way.ends[1])};
  }

  std::size_t capacity_bytes_ = 0;
  EndsOfSides ends_;
  LifetimeToken token_;
};

const RegisterPipe<UnixDgram> registered(
    "unix_dgram",
    {.summary = "socketpair of datagrams each way, a message is one while it fits; lifetime token",
     .source = "unix(7)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill = "end of file after the messages already sent; corrupt if killed between the "
                "datagrams of one message"});

}  // namespace
}  // namespace ipc
