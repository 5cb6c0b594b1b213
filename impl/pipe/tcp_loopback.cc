// SPDX-License-Identifier: MIT
// tcp_loopback: a TCP connection over 127.0.0.1 each way (one for a one-way pipe), no Nagle,
// length-prefixed messages. One connection both ways would not do: a side that closes with messages
// unread resets it, and what it had sent is lost as far as the other had no room for it. The
// receiving end of a way resets it always, so that the next send is told. Kernel objects: two
// sockets each way; no port outlives them. Wait class: block. Source: tcp(7). Limit: what a side
// that is gone had sent and the other had no room for waits some minutes, then it is peer_died.
#include <sys/socket.h>

#include <vector>

#include "impl/os/error.h"
#include "impl/os/loopback.h"
#include "impl/os/socket.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/ends_of_sides.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {
namespace {

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
  explicit TcpLoopback(SentSide sent) : capacity_bytes_(sent.capacity_bytes), ends_(sent) {
    ignore_sigpipe();
  }

  std::unique_ptr<End> open(int side) { return std::make_unique<End>(ends_.take(side)); }
  void drop(int side) { ends_.drop(side); }
  std::size_t capacity_bytes() const { return capacity_bytes_; }
  std::vector<UniqueFd> duplicates(int side) const { return ends_.duplicates(side); }

 private:
  // One half of the capacity waits with the sender, the other with the receiver.
  PipeEnds connect(std::size_t capacity_bytes) {
    ignore_sigpipe();
    const std::size_t half = capacity_bytes / 2;
    // Before the connection, which settles how large its window can be.
    LoopbackConnection made = connect_over_loopback([this, half](int listener, int active) {
      capacity_bytes_ =
          ask_socket_buffer(listener, SO_RCVBUF, half) + ask_socket_buffer(active, SO_SNDBUF, half);
      set_no_delay(active);
    });
    const linger reset{.l_onoff = 1, .l_linger = 0};
    if (setsockopt(made.passive.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0) {
      throw_errno("SO_LINGER");
    }
    return {std::move(made.passive), std::move(made.active)};
  }

  std::size_t capacity_bytes_ = 0;
  EndsOfSides ends_;
};

const RegisterPipe<TcpLoopback> registered(
    "tcp_loopback",
    {.summary = "TCP over 127.0.0.1 each way, no Nagle, length-prefixed messages",
     .source = "tcp(7)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill = "end of file after the messages already sent; corrupt if killed inside a message",
     .needs = "Linux, a loopback interface",
     .available = why_no_loopback});

}  // namespace
}  // namespace ipc
