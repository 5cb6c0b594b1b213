// SPDX-License-Identifier: MIT
// unix_dgram: one socketpair of datagrams shared by all, a message is a datagram: the kernel does
// the locking, nothing is left half done by a kill. Both ends are open in every process. Kernel
// objects: two sockets. Wait class: block. Source: unix(7). Limit: a message must fit the send
// buffer (SO_SNDBUF, at most net.core.wmem_max), which is charged about 800 bytes a message on top;
// senders that found it full go on when three quarters are free. net.unix.max_dgram_qlen does not
// count: it is for sockets that are not each other's peer.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "impl/driver/untimed.h"
#include "impl/os/error.h"
#include "impl/os/socket.h"
#include "impl/queue/backend.h"

namespace ipc {
namespace {

class UnixDgram {
 public:
  class End : public Untimed<End> {
   public:
    explicit End(const UnixDgram& queue)
        : in_(queue.pair_.ends[0].get()),
          out_(queue.pair_.ends[1].get()),
          max_message_(queue.max_message()) {}

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      if (message.size() > max_message_) return Status::too_big;
      for (;;) {
        const ssize_t sent =
            ::send(out_, message.data(), message.size(), deadline.is_never() ? 0 : MSG_DONTWAIT);
        if (sent >= 0) return Status::ok;
        if (Status s = wait_after_error(out_, POLLOUT, deadline); s != Status::ok) return s;
      }
    }

    // The size is not known before, and to look at it first would show another consumer's message.
    Status receive_until(Buffer& message, Deadline deadline) {
      if (message.capacity() < max_message_) message.resize(max_message_);
      for (;;) {
        const ssize_t got =
            recv(in_, message.data(), max_message_, deadline.is_never() ? 0 : MSG_DONTWAIT);
        if (got >= 0) {
          message.resize(static_cast<std::size_t>(got));
          return Status::ok;
        }
        if (Status s = wait_after_error(in_, POLLIN, deadline); s != Status::ok) return s;
      }
    }

    Status ready(Deadline deadline) const { return wait(in_, POLLIN, deadline); }
    int wait_fd() const { return in_; }

   private:
    static Status wait(int fd, short events, Deadline deadline) {
      const int reported = poll_until(fd, events, deadline);
      return reported > 0 ? Status::ok : reported == 0 ? Status::timed_out : Status::system_error;
    }
    // ok: try again.
    static Status wait_after_error(int fd, short events, Deadline deadline) {
      if (errno == EINTR) return Status::ok;
      return errno == EAGAIN ? wait(fd, events, deadline) : Status::system_error;
    }

    const int in_;
    const int out_;
    const std::size_t max_message_;
  };

  explicit UnixDgram(const QueueOptions& options)
      : pair_(make_socket_pair(SOCK_DGRAM)),
        capacity_bytes_(ask_socket_buffer(pair_.ends[1].get(), SO_SNDBUF, wanted(options))) {}

  std::unique_ptr<End> open() { return std::make_unique<End>(*this); }
  std::size_t capacity_bytes() const { return capacity_bytes_; }
  std::size_t max_message() const {
    return std::min(capacity_bytes_ - kPacketOverhead, kLargestPacket);
  }

 private:
  // Room for the largest message, which may be any if it is not known.
  static std::size_t wanted(const QueueOptions& options) {
    const std::size_t message = options.message_bytes == 0 ? kLargestPacket : options.message_bytes;
    return std::max(options.capacity_bytes, message + kPacketOverhead);
  }

  SocketPair pair_;
  std::size_t capacity_bytes_;
};

// With the largest buffer that this user is granted.
std::size_t max_message_here() {
  try {
    return UnixDgram({}).max_message();
  } catch (const std::system_error&) {
    return 0;  // no sockets: none can be constructed either
  }
}

const RegisterQueue<UnixDgram> registered(
    "unix_dgram", {.summary = "socketpair of datagrams shared by all, a message is a datagram",
                   .source = "unix(7)",
                   .wait_class = WaitClass::block,
                   .max_message = max_message_here(),
                   .producers = kMany,
                   .consumers = kMany,
                   .order = "first in, first out over all producers",
                   .on_kill = "nothing; what a killed consumer had taken is lost"});

}  // namespace
}  // namespace ipc
