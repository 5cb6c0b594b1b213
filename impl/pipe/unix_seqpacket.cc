// SPDX-License-Identifier: MIT
// unix_seqpacket: a socketpair of sequenced packets, a message is a packet of 4 bytes of length and
// the payload, received where it will stay; what is over the send buffer goes on in further
// packets. A one-way pipe is the same with one direction shut down. Kernel objects: two sockets.
// Wait class: block. Source: unix(7). Limit: the send buffer (SO_SNDBUF, at most
// net.core.wmem_max) is charged about 800 bytes a message on top, and a sender that found it full
// goes on when three quarters are free.
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "impl/pipe/backend.h"
#include "impl/pipe/packet_endpoint.h"
#include "impl/pipe/socket_sides.h"

namespace ipc {
namespace {

class UnixSeqpacket {
 public:
  explicit UnixSeqpacket(const PipeOptions& options)
      : sides_(make_socket_pair(SOCK_SEQPACKET), options) {}
  explicit UnixSeqpacket(SentSide sent) : sides_(sent) {}

  std::unique_ptr<PacketEndpoint> open(int side) {
    return std::make_unique<PacketEndpoint>(
        sides_.take(side), UniqueFd(), LifetimeToken::Hold(),
        std::min(capacity_bytes() - kPacketOverhead, kLargestPacket));
  }
  void drop(int side) { sides_.drop(side); }
  std::size_t capacity_bytes() const { return sides_.capacity_bytes(); }
  std::vector<UniqueFd> duplicates(int side) const {
    return descriptors_of(sides_.duplicate_of(side));
  }

 private:
  SocketSides sides_;
};

const RegisterPipe<UnixSeqpacket> registered(
    "unix_seqpacket",
    {.summary = "socketpair of sequenced packets, a message is a packet while it fits",
     .source = "unix(7)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill = "end of file after the messages already sent; peer_died first if the killed one "
                "had messages unread; corrupt if killed between the packets of one message"});

}  // namespace
}  // namespace ipc
