// SPDX-License-Identifier: MIT
// zmq_pair: ZeroMQ over unix sockets with abstract names, two PAIR sockets each way; the end and
// the bound are ours (library_pipe.h). Kernel objects: in each process that has an end open, for
// each way a socket, two threads and their eventfds and epolls; for the pipe a socketpair, two
// shared pages. Wait class: block. Source: zmq_socket(3), zmq_ipc(7). Limit: a side can be used by
// one process alone.
#include "impl/os/zmq_socket.h"
#include "impl/pipe/library_pipe.h"

namespace ipc {
namespace {

class ZmqPair : public LibraryPipe<ZmqSocket> {
 public:
  explicit ZmqPair(const PipeOptions& options)
      : LibraryPipe(options, {SocketAddress{ZmqSocket::unique_address()},
                              SocketAddress{ZmqSocket::unique_address()}}) {}
};

const RegisterPipe<ZmqPair> registered(
    "zmq_pair",
    library_pipe_traits<ZmqSocket>("ZeroMQ PAIR over ipc:// each way, a socketpair for the end",
                                   "zmq_socket(3), zmq_ipc(7)"));

}  // namespace
}  // namespace ipc
