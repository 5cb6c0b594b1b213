// SPDX-License-Identifier: MIT
// zmq_pair_tcp: as zmq_pair, over TCP to 127.0.0.1. The kernel chooses the ports before the
// processes exist: sockets that never listen are bound to them and keep them for us, and as they
// allow it (SO_REUSEADDR, which ZeroMQ also sets), one process at a time can bind and listen there.
// Kernel objects: two TCP ports, and what zmq_pair has. Wait class: block. Source: zmq_tcp(7),
// socket(7). Limit: as zmq_pair; and any process of this machine can connect.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "impl/os/error.h"
#include "impl/os/loopback.h"
#include "impl/os/zmq_socket.h"
#include "impl/pipe/library_pipe.h"

namespace ipc {
namespace {

SocketAddress reserve_port() {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw_errno("socket");
  const int reuse = 1;
  if (setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) != 0) {
    throw_errno("SO_REUSEADDR");
  }
  sockaddr_in any{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t length = sizeof any;
  auto* const address = reinterpret_cast<sockaddr*>(&any);
  if (bind(socket.get(), address, length) != 0) throw_errno("bind to 127.0.0.1");
  if (getsockname(socket.get(), address, &length) != 0) throw_errno("getsockname");
  return {"tcp://127.0.0.1:" + std::to_string(ntohs(any.sin_port)), std::move(socket)};
}

class ZmqPairTcp : public LibraryPipe<ZmqSocket> {
 public:
  explicit ZmqPairTcp(const PipeOptions& options)
      : LibraryPipe(options, {reserve_port(), reserve_port()}) {}
};

Traits traits() {
  Traits traits = library_pipe_traits<ZmqSocket>(
      "ZeroMQ PAIR over TCP on 127.0.0.1 each way, a socketpair for the end",
      "zmq_socket(3), zmq_tcp(7)");
  traits.needs += ", a loopback interface";
  traits.available = why_no_loopback;
  return traits;
}

const RegisterPipe<ZmqPairTcp> registered("zmq_pair_tcp", traits());

}  // namespace
}  // namespace ipc
