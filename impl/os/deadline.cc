// SPDX-License-Identifier: MIT
#include "impl/os/deadline.h"

#include <cerrno>

namespace ipc {

int poll_until(int fd, short events, Deadline deadline) {
  pollfd entry{fd, events, 0};
  for (;;) {
    timespec left{};
    if (!deadline.is_never()) left = deadline.remaining();
    const int ready = ppoll(&entry, 1, deadline.is_never() ? nullptr : &left, nullptr);
    if (ready > 0) return entry.revents;
    if (ready == 0) return 0;
    if (errno != EINTR) return -1;
  }
}

}  // namespace ipc
