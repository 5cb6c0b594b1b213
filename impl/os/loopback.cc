// SPDX-License-Identifier: MIT
#include "impl/os/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "impl/os/error.h"
#include "impl/os/socket.h"

namespace ipc {
namespace {

// The address of this machine for itself, as the socket functions take it.
struct Address {
  sockaddr_in in{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof in;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&in); }
  bool operator==(const Address& other) const {
    return in.sin_port == other.in.sin_port && in.sin_addr.s_addr == other.in.sin_addr.s_addr;
  }
};

Address name_of(const UniqueFd& tcp) {
  Address address;
  if (getsockname(tcp.get(), address.get(), &address.size) != 0) throw_errno("getsockname");
  return address;
}

// The next connection that comes from `peer`.
UniqueFd accept_from(const UniqueFd& listener, const Address& peer) {
  for (;;) {
    Address from;
    UniqueFd tcp(accept4(listener.get(), from.get(), &from.size, SOCK_CLOEXEC));
    if (!tcp && errno != EINTR && errno != ECONNABORTED) throw_errno("accept");
    if (tcp && from == peer) return tcp;
  }
}

}  // namespace

LoopbackConnection connect_over_loopback(
    const std::function<void(int listener, int active)>& prepare) {
  const UniqueFd listener = make_socket(AF_INET, SOCK_STREAM);
  LoopbackConnection made{make_socket(AF_INET, SOCK_STREAM), {}};
  prepare(listener.get(), made.active.get());
  Address here;
  if (bind(listener.get(), here.get(), here.size) != 0) throw_errno("bind to 127.0.0.1");
  if (listen(listener.get(), 1) != 0) throw_errno("listen on 127.0.0.1");
  here = name_of(listener);
  // After a signal it goes on by itself.
  if (connect(made.active.get(), here.get(), here.size) != 0 && errno != EINTR) {
    throw_errno("connect to 127.0.0.1");
  }
  made.passive = accept_from(listener, name_of(made.active));
  return made;
}

std::optional<std::string> why_no_loopback() {
  try {
    connect_over_loopback([](int, int) {});
    return std::nullopt;
  } catch (const std::system_error& error) {
    return error.what();
  }
}

void set_no_delay(int tcp) {
  const int on = 1;
  if (setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) throw_errno("TCP_NODELAY");
}

}  // namespace ipc
