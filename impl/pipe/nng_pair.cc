// SPDX-License-Identifier: MIT
// nng_pair: nng over unix sockets with abstract names, two pair0 sockets each way; the end and the
// bound are ours (library_pipe.h). Kernel objects: in each process that has used an end, nng's
// threads (some for each CPU) and their eventfds and epolls, and a private copy of the library; a
// socket each way; for the pipe a socketpair, two shared pages. Wait class: block. Source:
// nng_pair(7), nng_ipc(7). Limits: a side can be used by one process alone; where nng_close hangs
// (nng issue 1543: about once in a thousand), the descriptors of closed ends stay while the process
// lives.
#include "impl/os/nng_socket.h"
#include "impl/pipe/library_pipe.h"

namespace ipc {
namespace {

class NngPair : public LibraryPipe<NngSocket> {
 public:
  explicit NngPair(const PipeOptions& options)
      : LibraryPipe(options, {SocketAddress{NngSocket::unique_address()},
                              SocketAddress{NngSocket::unique_address()}}) {}
};

Traits traits() {
  Traits traits = library_pipe_traits<NngSocket>(
      "nng pair0 over unix sockets each way, a socketpair for the end", "nng_pair(7), nng_ipc(7)");
  traits.available = NngLibrary::why_unavailable;
  traits.lets_go = false;
  return traits;
}

const RegisterPipe<NngPair> registered("nng_pair", traits());

}  // namespace
}  // namespace ipc
