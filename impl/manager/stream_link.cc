// SPDX-License-Identifier: MIT
#include "impl/manager/stream_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "impl/os/deadline.h"
#include "impl/os/error.h"

namespace ipc {

Status StreamLink::receive(Buffer& message) {
  if (!patience_) return reader_.receive(socket_.get(), message, Deadline::never());
  // For all of the message, however slowly it comes.
  const Deadline deadline = Deadline::after(*patience_);
  const auto read_in_time = [&](std::byte* to, std::size_t size, bool) {
    const int reported = poll_until(socket_.get(), POLLIN, deadline);
    if (reported > 0) return read(socket_.get(), to, size);
    if (reported == 0) errno = EAGAIN;
    return ssize_t{-1};
  };
  return reader_.receive_by(read_in_time, message);
}

UniqueFd accept_socket(const UniqueFd& listener) {
  UniqueFd socket(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket || errno == EINTR || errno == ECONNABORTED || errno == EAGAIN) return socket;
  if (errno == EBADF || errno == ENOTSOCK || errno == EINVAL || errno == EFAULT) {
    throw_errno("accept");
  }
  // Another passes, or was of one connection: the network's and a firewall's come this way too.
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return socket;
}

std::unique_ptr<Link> accept_link(const UniqueFd& listener,
                                  const std::function<void(const UniqueFd&)>& prepare) {
  UniqueFd socket = accept_socket(listener);
  if (!socket) return nullptr;
  prepare(socket);
  return std::make_unique<StreamLink>(std::move(socket));
}

Traits stream_link_traits(std::string summary, std::string source) {
  return {.summary = std::move(summary),
          .source = std::move(source),
          .wait_class = WaitClass::block,
          .max_message = kLongestMessage,
          .producers = kMany,
          .consumers = kMany,
          .on_kill =
              "a client's references, locks and waiting calls are given back; a server's "
              "clients get ServerGone at once"};
}

}  // namespace ipc
