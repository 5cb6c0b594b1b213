// SPDX-License-Identifier: MIT
// unix_named: two unix stream sockets that met by a name: one was bound and listened to, the other
// connected to it, before the pipe is used. All else is as in unix_stream: what it takes beside
// that is what a name costs. The kernel chooses the name, an abstract one, which is gone with the
// listening socket, at once. Kernel objects: two sockets. Wait class: block. Source: unix(7),
// "Autobind feature". Limit: as unix_stream.
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "impl/os/error.h"
#include "impl/pipe/stream_sockets.h"

namespace ipc {
namespace {

// Whether it was this process that connected to it: others may know the name as well.
bool is_ours(const UniqueFd& accepted) {
  const std::optional<ucred> peer = peer_of(accepted);
  if (!peer) throw_errno("SO_PEERCRED");
  return peer->pid == getpid();
}

SocketPair meet_by_name() {
  const auto [listener, name] = listen_by_name(SOCK_STREAM, 1);
  SocketPair met;
  met.ends[0] = make_socket(AF_UNIX, SOCK_STREAM);
  while (connect(met.ends[0].get(), name.get(), name.size) != 0) {
    if (errno != EINTR) throw_errno("connect by an abstract name");
  }
  while (!met.ends[1] || !is_ours(met.ends[1])) {
    met.ends[1] = UniqueFd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!met.ends[1] && errno != EINTR) throw_errno("accept");
  }
  return met;
}

class UnixNamed : public StreamSockets {
 public:
  explicit UnixNamed(const PipeOptions& options) : StreamSockets(meet_by_name(), options) {}
  explicit UnixNamed(SentSide sent) : StreamSockets(std::move(sent)) {}
};

const RegisterPipe<UnixNamed> registered(
    "unix_named",
    {.summary = "unix stream sockets that met by a name, length-prefixed messages",
     .source = "unix(7)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill =
         "end of file after the messages already sent; peer_died first if the killed one had "
         "messages unread; corrupt if killed inside a message"});

}  // namespace
}  // namespace ipc
