// SPDX-License-Identifier: MIT
// io_uring: unix_stream's sockets and framing, but every send and receive is an operation of a
// ring, submitted and waited for in one io_uring_enter. Calls with a deadline wait in poll first.
// Kernel objects: two sockets, two more for the lifetime token; in each process and for each side
// two rings, one a direction, so that a thread may send while another receives. Wait class: block.
// Source: io_uring(7). Limit: the system may forbid it (kernel.io_uring_disabled, seccomp). One
// small operation at a time gains nothing by a ring; in a stream of large messages across CPUs the
// process is switched away less often than by read and write, which shows.
//
// Why a lifetime token, though sockets know their end: the kernel takes down the rings of a killed
// process some 10 ms after it is gone, and until then a receive that was under way keeps its socket
// open. So a send asks the lifetime token first, one short system call a message.
#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "impl/os/error.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/per_process.h"
#include "impl/os/stream.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/socket_sides.h"

namespace ipc {
namespace {

// Not for a child of the process that made it. For one thread at a time.
class Ring {
 public:
  Ring() {
    // The completion interrupts nobody: who waits for it is in the kernel already. Since Linux
    // 5.19.
    int error = io_uring_queue_init(1, &ring_, IORING_SETUP_COOP_TASKRUN);
    if (error == -EINVAL) error = io_uring_queue_init(1, &ring_, 0);
    if (error < 0) throw std::system_error(-error, std::generic_category(), "io_uring_queue_init");
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { io_uring_queue_exit(&ring_); }

  // Does one operation. Its result, or minus the error.
  template <class Prepare>
  int run(const Prepare& prepare) {
    io_uring_sqe* const operation = io_uring_get_sqe(&ring_);
    if (operation == nullptr) return -EBUSY;  // one is left that could not be submitted
    prepare(operation);
    for (;;) {
      const int error = io_uring_submit_and_wait(&ring_, 1);
      io_uring_cqe* done;
      if (io_uring_peek_cqe(&ring_, &done) == 0) {
        const int result = done->res;
        io_uring_cqe_seen(&ring_, done);
        return result;
      }
      if (error < 0 && error != -EINTR && error != -EAGAIN) return error;
    }
  }

 private:
  io_uring ring_;
};

class IoUring {
 public:
  class End {
   public:
    End(UniqueFd socket, LifetimeToken::Hold hold)
        : socket_(std::move(socket)), hold_(std::move(hold)) {
      sending_.get();
      receiving_.get();
    }

    Status send(std::span<const std::byte> message) {
      if (message.size() > kMaxFrame) return Status::too_big;
      if (hold_.is_alone()) return Status::closed;
      std::byte header[kFrameHeader];
      encode_frame_header(message.size(), header);
      // sendmsg only reads, the cast is the price of one struct for both directions.
      iovec parts[] = {{header, kFrameHeader},
                       {const_cast<std::byte*>(message.data()), message.size()}};
      msghdr frame{};
      frame.msg_iov = parts;
      frame.msg_iovlen = 2;
      Ring& ring = sending_.get();
      for (std::size_t left = kFrameHeader + message.size();;) {
        const ssize_t sent = result(ring.run([this, &frame](io_uring_sqe* operation) {
          io_uring_prep_sendmsg(operation, socket_.get(), &frame, MSG_NOSIGNAL | MSG_WAITALL);
        }));
        if (sent < 0) return stream_failure();
        left -= static_cast<std::size_t>(sent);
        if (left == 0) return Status::ok;
        skip(parts, static_cast<std::size_t>(sent));
      }
    }

    Status receive(Buffer& message) {
      const auto read = [this](std::byte* to, std::size_t size, bool all) {
        return result(receiving_.get().run([&](io_uring_sqe* operation) {
          io_uring_prep_recv(operation, socket_.get(), to, size, all ? MSG_WAITALL : 0);
        }));
      };
      return reader_.receive_by(read, message);
    }

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      if (message.size() > kMaxFrame) return Status::too_big;
      const Status status = deadline.is_never() ? Status::ok : wait(POLLOUT, deadline);
      return status == Status::ok ? send(message) : status;
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      const Status status = deadline.is_never() ? Status::ok : ready(deadline);
      return status == Status::ok ? receive(message) : status;
    }
    Status ready(Deadline deadline) const {
      if (reader_.has_buffered()) return Status::ok;
      const Status status = wait(POLLIN, deadline);
      return status == Status::timed_out && hold_.is_alone() ? Status::ok : status;
    }
    int wait_fd() const { return socket_.get(); }

   private:
    // As a system call gives it.
    static ssize_t result(int of_operation) {
      if (of_operation >= 0) return of_operation;
      errno = -of_operation;
      return -1;
    }

    static void skip(iovec (&parts)[2], std::size_t bytes) {
      for (iovec& part : parts) {
        const std::size_t here = std::min(bytes, part.iov_len);
        part.iov_base = static_cast<std::byte*>(part.iov_base) + here;
        part.iov_len -= here;
        bytes -= here;
      }
    }

    Status wait(short events, Deadline deadline) const {
      const int reported = poll_until(socket_.get(), events, deadline);
      return reported > 0 ? Status::ok : reported == 0 ? Status::timed_out : Status::system_error;
    }

    UniqueFd socket_;
    LifetimeToken::Hold hold_;
    PerProcess<Ring> sending_;
    PerProcess<Ring> receiving_;
    FrameReader reader_;
  };

  explicit IoUring(const PipeOptions& options) : sides_(make_socket_pair(SOCK_STREAM), options) {}
  explicit IoUring(SentSide sent) : sides_(sent), lifetime_(sent.side, sent.take()) {}

  std::unique_ptr<End> open(int side) {
    return std::make_unique<End>(sides_.take(side), lifetime_.take(side));
  }
  void drop(int side) {
    sides_.drop(side);
    lifetime_.drop(side);
  }
  std::size_t capacity_bytes() const { return sides_.capacity_bytes(); }
  std::vector<UniqueFd> duplicates(int side) const {
    return descriptors_of(sides_.duplicate_of(side), lifetime_.duplicate_of(side));
  }

 private:
  SocketSides sides_;
  LifetimeToken lifetime_;
};

std::optional<std::string> why_unavailable() {
  try {
    const Ring ring;
    return std::nullopt;
  } catch (const std::system_error& error) {
    return std::string("io_uring is refused here: ") + error.what() +
           " (kernel.io_uring_disabled, or a filter of system calls)";
  }
}

const RegisterPipe<IoUring> registered(
    "io_uring", {.summary = "socketpair of unix stream sockets, one io_uring operation a call",
                 .source = "io_uring(7)",
                 .wait_class = WaitClass::block,
                 .max_message = kMaxFrame,
                 .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
                 .on_kill = "end of file after the messages already sent, some 10 ms late if "
                            "killed inside a call; peer_died first if the killed one had messages "
                            "unread; corrupt if killed inside a message",
                 .needs = "Linux with io_uring",
                 .available = why_unavailable});

}  // namespace
}  // namespace ipc
