// SPDX-License-Identifier: MIT
// unix_socket: a unix stream socket under a path that only its user can open, a connection and a
// server thread for each call at a time; requests and replies are frames of one system call. Kernel
// objects: a socket file (0600), where no address is given in a directory of its own (0700).
// Wait class: block. Source: unix(7); CPython's Manager.
#include "impl/manager/stream_link.h"
#include "impl/manager/unix_listener.h"

namespace ipc {
namespace {

class UnixSocket {
 public:
  class Listener : public UnixListener {
   public:
    using UnixListener::UnixListener;
    std::unique_ptr<Link> accept() {
      return accept_link(socket(), [](const UniqueFd&) {});
    }
  };

  static std::unique_ptr<Link> connect(const std::string& address) {
    return std::make_unique<StreamLink>(connect_to_path(address));
  }
};

Traits traits() {
  Traits traits =
      stream_link_traits("unix stream sockets, one and a server thread for each call at a time",
                         "unix(7); CPython's Manager");
  traits.leftovers = "a socket in a directory of its own, until the next manager starts";
  return traits;
}

const RegisterManager<UnixSocket> registered("unix_socket", traits());

}  // namespace
}  // namespace ipc
