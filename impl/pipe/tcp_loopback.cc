// SPDX-License-Identifier: MIT
// tcp_loopback: a TCP connection over 127.0.0.1 each way (one for a one-way pipe), no Nagle,
// length-prefixed messages. One connection both ways would not do: a side that closes with messages
// unread resets it, and what it had sent is lost as far as the other had no room for it. The
// receiving end of a way resets it always, so that the next send is told. Kernel objects: two
// sockets each way; no port outlives them. Wait class: block. Source: tcp(7). Limit: what a side
// that is gone had sent and the other had no room for waits some minutes, then it is peer_died.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "impl/os/error.h"
#include "impl/os/socket.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/ends_of_sides.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {
namespace {

UniqueFd make_socket() {
  UniqueFd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!tcp) throw_errno("socket");
  return tcp;
}

template <class T>
void set_option(const UniqueFd& tcp, int level, int option, const T& value, const char* name) {
  if (setsockopt(tcp.get(), level, option, &value, sizeof value) != 0) throw_errno(name);
}

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

// The next connection that comes from `peer`. Others may come: the port is there for everybody.
UniqueFd accept_from(const UniqueFd& listener, const Address& peer) {
  for (;;) {
    Address from;
    UniqueFd tcp(accept4(listener.get(), from.get(), &from.size, SOCK_CLOEXEC));
    if (!tcp && errno != EINTR && errno != ECONNABORTED) throw_errno("accept");
    if (tcp && from == peer) return tcp;
  }
}

class TcpLoopback {
 public:
  class End : public StreamEndpoint {
   public:
    using StreamEndpoint::StreamEndpoint;
    Status send(std::span<const std::byte> message) {
      return without_reset(StreamEndpoint::send(message));
    }
    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      return without_reset(StreamEndpoint::send_until(message, deadline));
    }

   private:
    // That the connection was reset does not say that anything was unread.
    static Status without_reset(Status status) {
      return status == Status::peer_died ? Status::closed : status;
    }
  };

  explicit TcpLoopback(const PipeOptions& options)
      : ends_(options.duplex, [&] { return connect(options.capacity_bytes); }) {}

  std::unique_ptr<End> open(int side) { return std::make_unique<End>(ends_.take(side)); }
  void drop(int side) { ends_.drop(side); }
  std::size_t capacity_bytes() const { return capacity_bytes_; }

 private:
  // One half of the capacity waits with the sender, the other with the receiver.
  PipeEnds connect(std::size_t capacity_bytes) {
    ignore_sigpipe();
    const UniqueFd listener = make_socket();
    Address here;
    if (bind(listener.get(), here.get(), here.size) != 0) throw_errno("bind to 127.0.0.1");
    // Before the connection, which settles how large its window can be.
    capacity_bytes_ = ask_socket_buffer(listener.get(), SO_RCVBUF, capacity_bytes / 2);
    if (listen(listener.get(), 1) != 0) throw_errno("listen on 127.0.0.1");
    here = name_of(listener);

    PipeEnds ends;
    ends.write = make_socket();
    capacity_bytes_ += ask_socket_buffer(ends.write.get(), SO_SNDBUF, capacity_bytes / 2);
    set_option(ends.write, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    // After a signal it goes on by itself.
    if (::connect(ends.write.get(), here.get(), here.size) != 0 && errno != EINTR) {
      throw_errno("connect to 127.0.0.1");
    }
    ends.read = accept_from(listener, name_of(ends.write));
    set_option(ends.read, SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0}, "SO_LINGER");
    return ends;
  }

  std::size_t capacity_bytes_ = 0;
  EndsOfSides ends_;
};

std::optional<std::string> why_unavailable() {
  try {
    const TcpLoopback tried({});
    return std::nullopt;
  } catch (const std::system_error& error) {
    return error.what();
  }
}

const RegisterPipe<TcpLoopback> registered(
    "tcp_loopback",
    {.summary = "TCP over 127.0.0.1 each way, no Nagle, length-prefixed messages",
     .source = "tcp(7)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill = "end of file after the messages already sent; corrupt if killed inside a message",
     .needs = "Linux, a loopback interface",
     .available = why_unavailable});

}  // namespace
}  // namespace ipc
