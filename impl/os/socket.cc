// SPDX-License-Identifier: MIT
#include "impl/os/socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <climits>

#include "impl/os/error.h"

namespace ipc {

UniqueFd make_socket(int domain, int type) {
  UniqueFd made(socket(domain, type | SOCK_CLOEXEC, 0));
  if (!made) throw_errno("socket");
  return made;
}

SocketPair make_socket_pair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
  return {{UniqueFd(ends[0]), UniqueFd(ends[1])}};
}

void make_one_way(const SocketPair& pair) {
  if (shutdown(pair.ends[0].get(), SHUT_WR) != 0 || shutdown(pair.ends[1].get(), SHUT_RD) != 0) {
    throw_errno("shutdown");
  }
}

NamedListener listen_by_name(int type, int backlog) {
  NamedListener made{make_socket(AF_UNIX, type), {}};
  UnixName& name = made.name;
  if (bind(made.socket.get(), name.get(), sizeof name.address.sun_family) != 0) {
    throw_errno("bind, autobind");
  }
  if (getsockname(made.socket.get(), reinterpret_cast<sockaddr*>(&name.address), &name.size) != 0) {
    throw_errno("getsockname");
  }
  if (listen(made.socket.get(), backlog) != 0) throw_errno("listen");
  return made;
}

std::optional<ucred> peer_of(const UniqueFd& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

std::size_t ask_socket_buffer(int fd, int option, std::size_t bytes) {
  const char* name = option == SO_SNDBUF ? "SO_SNDBUF" : "SO_RCVBUF";
  // The kernel doubles what it is told, for its own book-keeping, and reports the double.
  const int half = static_cast<int>(std::min<std::size_t>(bytes / 2 + bytes % 2, INT_MAX));
  if (setsockopt(fd, SOL_SOCKET, option, &half, sizeof half) != 0) throw_errno(name);
  int granted = 0;
  socklen_t length = sizeof granted;
  if (getsockopt(fd, SOL_SOCKET, option, &granted, &length) != 0) throw_errno(name);
  return static_cast<std::size_t>(granted);
}

}  // namespace ipc
