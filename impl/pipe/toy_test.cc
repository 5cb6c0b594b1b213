// SPDX-License-Identifier: MIT
// toy: a socketpair of sequenced packets; a packet is one byte, then the message, so that an empty
// message is no end. Kernel objects: two sockets. Wait class: block. Source: unix(7). Limit: a
// message must fit the send buffer. Here to show that a backend is this one file: not one of the
// public ones.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "impl/driver/untimed.h"
#include "impl/os/error.h"
#include "impl/os/stream.h"
#include "impl/os/unique_fd.h"
#include "impl/pipe/backend.h"

namespace ipc {
namespace {

constexpr std::size_t kMaxMessage = 32 * 1024;

class Toy {
 public:
  class End : public Untimed<End> {
   public:
    explicit End(UniqueFd socket) : socket_(std::move(socket)) {}

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      if (message.size() > kMaxMessage) return Status::too_big;
      if (Status s = wait(POLLOUT, deadline); s != Status::ok) return s;
      std::byte mark{};
      iovec parts[] = {{&mark, 1}, {const_cast<std::byte*>(message.data()), message.size()}};
      return writev(socket_.get(), parts, 2) < 0 ? failure() : Status::ok;
    }

    Status receive_until(Buffer& message, Deadline deadline) {
      if (Status s = ready(deadline); s != Status::ok) return s;
      std::byte mark;
      ssize_t size;
      do {  // the kernel mentions once, before the messages, that the other side left some of ours
            // unread
        size = recv(socket_.get(), &mark, 1, MSG_PEEK | MSG_TRUNC);
      } while (size < 0 && errno == ECONNRESET);
      if (size < 0) return failure();
      if (size == 0) return Status::closed;
      message.resize(static_cast<std::size_t>(size) - 1);
      iovec parts[] = {{&mark, 1}, {message.data(), message.size()}};
      return readv(socket_.get(), parts, 2) < 0 ? failure() : Status::ok;
    }

    Status ready(Deadline deadline) const { return wait(POLLIN, deadline); }
    int wait_fd() const { return socket_.get(); }

   private:
    Status wait(short events, Deadline deadline) const {
      const int reported = poll_until(socket_.get(), events, deadline);
      return reported > 0 ? Status::ok : reported == 0 ? Status::timed_out : Status::system_error;
    }
    static Status failure() {
      if (errno == EPIPE) return Status::closed;
      return errno == ECONNRESET ? Status::peer_died : Status::system_error;
    }

    UniqueFd socket_;
  };

  explicit Toy(const PipeOptions&) {
    ignore_sigpipe();
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
    for (int side = 0; side < 2; ++side) sides_[side] = UniqueFd(ends[side]);
    socklen_t length = sizeof capacity_bytes_;
    if (getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &capacity_bytes_, &length) != 0)
      throw_errno("SO_SNDBUF");
  }
  std::unique_ptr<End> open(int side) { return std::make_unique<End>(std::move(sides_[side])); }
  void drop(int side) { sides_[side].reset(); }
  std::size_t capacity_bytes() const { return static_cast<std::size_t>(capacity_bytes_); }

 private:
  UniqueFd sides_[2];
  int capacity_bytes_ = 0;
};

const RegisterPipe<Toy> registered("toy",
                                   {.summary = "socketpair of sequenced packets",
                                    .source = "unix(7)",
                                    .wait_class = WaitClass::block,
                                    .max_message = kMaxMessage,
                                    .killed = {AfterKill::end_of_file, AfterKill::end_of_file,
                                               AfterKill::end_of_file},
                                    .on_kill = "end of file after the messages already sent"});

// What follows is the proof, not the backend. The suite of this program (conformance_test.cc) runs
// on it by itself.
TEST(RegistryOfThisProgram, Has_toy) {
  EXPECT_EQ(PipeRegistry::get("toy").traits.max_message, kMaxMessage);
}

}  // namespace
}  // namespace ipc
