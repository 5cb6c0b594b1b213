// SPDX-License-Identifier: MIT
// unix_stream: a socketpair of unix stream sockets, length-prefixed messages, header and payload in
// one system call, small messages read ahead. A one-way pipe is the same with one direction shut
// down. Kernel objects: two sockets. Wait class: block. Source: unix(7); CPython's Pipe().
// Limit: the send buffer (SO_SNDBUF, at most net.core.wmem_max) is charged about 800 bytes a
// message on top.
#include "impl/pipe/stream_sockets.h"

namespace ipc {
namespace {

class UnixStream : public StreamSockets {
 public:
  explicit UnixStream(const PipeOptions& options)
      : StreamSockets(make_socket_pair(SOCK_STREAM), options) {}
  explicit UnixStream(SentSide sent) : StreamSockets(std::move(sent)) {}
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
