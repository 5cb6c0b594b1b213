// SPDX-License-Identifier: MIT
#include "impl/os/lifetime_token.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "impl/os/error.h"

namespace ipc {
namespace {

enum : std::uint32_t { kTransport, kEnd };

void add(int set, int fd, std::uint32_t events, std::uint32_t what) {
  epoll_event event{};
  event.events = events;
  event.data.u32 = what;
  if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("EPOLL_CTL_ADD");
}

}  // namespace

LifetimeToken::LifetimeToken() : pair_(make_socket_pair(SOCK_STREAM)) {}

bool LifetimeToken::Hold::is_alone() const {
  // Sends nothing, but is told if there is nobody to send it to.
  return send(end_.get(), nullptr, 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE;
}

LifetimeToken::Watch::Watch(const Hold& hold, int transport, std::uint32_t events)
    : set_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!set_) throw_errno("epoll_create1");
  add(set_.get(), transport, events, kTransport);
  add(set_.get(), hold.fd(), EPOLLIN, kEnd);
}

Status LifetimeToken::Watch::wait(Deadline deadline) const {
  epoll_event events[2];
  for (;;) {
    timespec left{};
    if (!deadline.is_never()) left = deadline.remaining();
    const int reported =
        epoll_pwait2(set_.get(), events, 2, deadline.is_never() ? nullptr : &left, nullptr);
    if (reported == 0) return Status::timed_out;
    if (reported > 0) {
      // The other side's last event was queued before its end: both are reported if both are there.
      const bool end_alone = reported == 1 && events[0].data.u32 == kEnd;
      return end_alone ? Status::closed : Status::ok;
    }
    if (errno != EINTR) return Status::system_error;
  }
}

}  // namespace ipc
