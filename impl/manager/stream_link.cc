// SPDX-License-Identifier: MIT
#include "impl/manager/stream_link.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "impl/os/error.h"

namespace ipc {

void StreamLink::limit(std::size_t most, std::optional<std::chrono::seconds> patience) {
  reader_.set_most(most);
  const timeval each{patience ? patience->count() : 0, 0};  // 0: none
  if (setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &each, sizeof each) != 0) {
    throw_errno("SO_RCVTIMEO");
  }
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
