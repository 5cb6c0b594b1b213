// SPDX-License-Identifier: MIT
#include "impl/os/lifetime.h"

#include <sys/socket.h>

#include "impl/os/error.h"

namespace ipc {

Lifetime::Lifetime() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
  for (int side = 0; side < 2; ++side) ends_[side] = UniqueFd(ends[side]);
}

bool Lifetime::Hold::is_alone() const {
  // Sends nothing, and fails if nobody could receive it. A poll takes half as long again.
  return send(fd(), nullptr, 0, MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

}  // namespace ipc
