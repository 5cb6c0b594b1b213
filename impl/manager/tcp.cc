// SPDX-License-Identifier: MIT
// tcp: a TCP connection and a server thread for each call at a time, no Nagle; otherwise as
// unix_socket. An address is HOST:PORT; without one it is 127.0.0.1 and a port that the kernel
// chooses. What travels is authenticated when a connection begins, not encrypted. Kernel objects:
// sockets. Wait class: block. Source: tcp(7). Limit: a machine that vanishes without a word is
// noticed by keep-alive only, after minutes.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "impl/manager/stream_link.h"
#include "impl/os/deadline.h"
#include "impl/os/error.h"
#include "impl/os/loopback.h"
#include "impl/os/socket.h"

namespace ipc {
namespace {

// Closes what getaddrinfo has found.
using Found = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Found find(const std::string& address, int flags) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    throw ValueError("\"" + address + "\" is no address: wanted HOST:PORT");
  }
  std::string host = address.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_flags = flags | AI_NUMERICSERV;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int result = getaddrinfo(host.c_str(), address.c_str() + colon + 1, &wanted, &found);
  if (result == EAI_SYSTEM) throw_errno("getaddrinfo of " + address);
  if (result != 0) throw ValueError("\"" + address + "\": " + gai_strerror(result));
  return {found, freeaddrinfo};
}

// Of a connect that goes on: an errno, or 0.
int result_of(const UniqueFd& tcp) {
  if (poll_until(tcp.get(), POLLOUT, Deadline::never()) < 0) return errno;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(tcp.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void prepare(const UniqueFd& tcp) {
  set_no_delay(tcp.get());
  const int on = 1;
  if (setsockopt(tcp.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0) {
    throw_errno("SO_KEEPALIVE");
  }
}

UniqueFd connect_to(const addrinfo& there, const std::string& address) {
  UniqueFd made = make_socket(there.ai_family, SOCK_STREAM);
  if (connect(made.get(), there.ai_addr, there.ai_addrlen) != 0) {
    // After a signal it goes on by itself.
    if (errno == EINTR) errno = result_of(made);
    if (errno != 0) throw_errno("connect to " + address);
  }
  return made;
}

// To the first that answers: a host has often an address of IPv6 too, where nobody need listen.
// Throws what the last one does.
UniqueFd connect_to_any(const addrinfo* there, const std::string& address) {
  for (;; there = there->ai_next) {
    try {
      return connect_to(*there, address);
    } catch (const std::system_error&) {
      if (there->ai_next == nullptr) throw;
    }
  }
}

class Tcp {
 public:
  class Listener {
   public:
    explicit Listener(const std::string& address) {
      const std::string wanted = address.empty() ? "127.0.0.1:0" : address;
      const Found found = find(wanted, AI_PASSIVE);
      socket_ = make_socket(found->ai_family, SOCK_STREAM);
      const int on = 1;  // a server that has just ended at this port is no reason to wait
      if (setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        throw_errno("SO_REUSEADDR");
      }
      if (bind(socket_.get(), found->ai_addr, found->ai_addrlen) != 0) {
        throw_errno("bind to " + wanted);
      }
      if (listen(socket_.get(), SOMAXCONN) != 0) throw_errno("listen on " + wanted);
      address_ = wanted.substr(0, wanted.rfind(':') + 1) + std::to_string(port());
    }
    std::string address() const { return address_; }
    int fd() const { return socket_.get(); }
    std::unique_ptr<Link> accept() { return accept_link(socket_, prepare); }
    void close() { socket_.reset(); }
    void remove() noexcept {}

   private:
    int port() const {
      sockaddr_storage name{};
      socklen_t size = sizeof name;
      if (getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) {
        throw_errno("getsockname");
      }
      return ntohs(name.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&name)->sin6_port
                                              : reinterpret_cast<sockaddr_in*>(&name)->sin_port);
    }

    UniqueFd socket_;
    std::string address_;
  };

  static std::unique_ptr<Link> connect(const std::string& address) {
    UniqueFd made = connect_to_any(find(address, 0).get(), address);
    prepare(made);
    return std::make_unique<StreamLink>(std::move(made));
  }
};

Traits traits() {
  Traits traits = stream_link_traits(
      "TCP, no Nagle, a connection and a server thread for each call at a time", "tcp(7)");
  traits.needs = "Linux, a loopback interface";
  return traits;
}

const RegisterManager<Tcp> registered("tcp", traits());

}  // namespace
}  // namespace ipc
