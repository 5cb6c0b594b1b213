// SPDX-License-Identifier: MIT
// unix_stream: a socketpair of unix stream sockets, length-prefixed messages, header and payload in
// one writev, small messages read ahead. A one-way pipe is the same with one direction shut down.
// Kernel objects: two sockets. Wait class: block. Source: unix(7); CPython's Pipe().
// Limit: the send buffer (SO_SNDBUF, at most net.core.wmem_max) is charged about 800 bytes a
// message on top.
#include <sys/socket.h>

#include <algorithm>
#include <climits>

#include "impl/os/error.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {
namespace {

class UnixStream {
 public:
  explicit UnixStream(const PipeOptions& options) {
    ignore_sigpipe();
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
    for (int side = 0; side < 2; ++side) {
      sides_[side] = UniqueFd(ends[side]);
      // The kernel doubles what it is told, for its own book-keeping, and reports the double.
      const int half = static_cast<int>(std::min<std::size_t>(options.capacity_bytes, INT_MAX) / 2);
      if (setsockopt(ends[side], SOL_SOCKET, SO_SNDBUF, &half, sizeof half) != 0) {
        throw_errno("SO_SNDBUF");
      }
    }
    int granted = 0;
    socklen_t length = sizeof granted;
    if (getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &granted, &length) != 0)
      throw_errno("SO_SNDBUF");
    capacity_bytes_ = static_cast<std::size_t>(granted);
    if (!options.duplex) {
      shutdown(ends[0], SHUT_WR);
      shutdown(ends[1], SHUT_RD);
    }
  }

  std::unique_ptr<StreamEndpoint> open(int side) {
    return std::make_unique<StreamEndpoint>(std::move(sides_[side]), UniqueFd());
  }
  void drop(int side) { sides_[side].reset(); }
  std::size_t capacity_bytes() const { return capacity_bytes_; }

 private:
  UniqueFd sides_[2];
  std::size_t capacity_bytes_;
};

const RegisterPipe<UnixStream> registered(
    "unix_stream",
    {.summary = "socketpair of unix stream sockets, length-prefixed messages",
     .source = "unix(7); CPython's Pipe()",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill =
         "end of file after the messages already sent; peer_died first if the killed one had "
         "messages unread; corrupt if killed inside a message"});

}  // namespace
}  // namespace ipc
