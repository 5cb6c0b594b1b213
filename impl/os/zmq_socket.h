// SPDX-License-Identifier: MIT
// A ZeroMQ socket as message_socket.h wants it, through cppzmq. Each has a context, and so two
// threads, of its own: contexts do not survive fork, and only the end of its context tells that
// what a socket had sent is written.
#pragma once

#include <poll.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <zmq.hpp>

#include "impl/os/error.h"
#include "impl/os/message_socket.h"
#include "impl/os/unique_name.h"

namespace ipc {

class ZmqSocket {
 public:
  using Message = zmq::message_t;
  static constexpr std::chrono::milliseconds kUnknown{0};
  static constexpr std::size_t kMaxMessage = std::numeric_limits<std::int32_t>::max();
  static constexpr std::uint32_t kMaxSlots = 1 << 20;
  static constexpr const char* kNeeds = "Linux, libzmq";

  // A unix socket with an abstract name, which is gone with the socket.
  static std::string unique_address() { return "ipc://@" + unique_name().substr(1); }

  static std::unique_ptr<ZmqSocket> dial(Pattern pattern, const std::string& address) {
    auto made = make(pattern == Pattern::pair ? ZMQ_PAIR : ZMQ_PUSH);
    if (zmq_connect(made->socket_.handle(), address.c_str()) != 0) throw_errno(address);
    return made;
  }

  static std::unique_ptr<ZmqSocket> listen(Pattern pattern, const std::string& address) {
    auto made = make(pattern == Pattern::pair ? ZMQ_PAIR : ZMQ_PULL);
    if (zmq_bind(made->socket_.handle(), address.c_str()) == 0) return made;
    if (errno == EADDRINUSE) return nullptr;
    throw_errno(address);
  }

  Status send(Message& message) {
    while (zmq_msg_send(message.handle(), socket_.handle(), 0) < 0) {
      if (errno != EINTR) return Status::system_error;
    }
    return Status::ok;
  }
  bool take(Message& message) {
    while (zmq_msg_recv(message.handle(), socket_.handle(), ZMQ_DONTWAIT) < 0) {
      if (errno != EINTR) return false;
    }
    return true;
  }
  bool has_message() { return (get(ZMQ_EVENTS) & ZMQ_POLLIN) != 0; }
  bool wait(int end_fd, Deadline deadline) {
    pollfd entries[] = {{get(ZMQ_FD), POLLIN, 0}, {end_fd, POLLIN, 0}};
    timespec left{};
    if (!deadline.is_never()) left = deadline.remaining();
    return ppoll(entries, 2, deadline.is_never() ? nullptr : &left, nullptr) > 0 &&
           entries[1].revents != 0;
  }

  void finish(Deadline deadline) {
    const timespec left = deadline.is_never() ? timespec{1'000'000, 0} : deadline.remaining();
    set(ZMQ_LINGER, static_cast<int>(left.tv_sec * 1000 + left.tv_nsec / 1'000'000));
    socket_.close();
    context_.close();
  }

 private:
  ZmqSocket(zmq::context_t context, int type)
      : context_(std::move(context)), socket_(context_, static_cast<zmq::socket_type>(type)) {
    set(ZMQ_SNDHWM, 0);  // unbounded
    set(ZMQ_RCVHWM, 0);
    set(ZMQ_LINGER, 0);
    set(ZMQ_RECONNECT_IVL, 1);  // ms; until somebody listens
    set(ZMQ_RECONNECT_IVL_MAX, 20);
  }

  static std::unique_ptr<ZmqSocket> make(int type) try {
    return std::unique_ptr<ZmqSocket>(new ZmqSocket(zmq::context_t(), type));
  } catch (const zmq::error_t& error) {
    errno = error.num();
    throw_errno("zmq_socket");
  }

  void set(int option, int value) {
    zmq_setsockopt(socket_.handle(), option, &value, sizeof value);
  }
  int get(int option) {
    int value = 0;
    std::size_t size = sizeof value;
    while (zmq_getsockopt(socket_.handle(), option, &value, &size) != 0 && errno == EINTR) {
    }
    return value;
  }

  zmq::context_t context_;  // outlives the socket
  zmq::socket_t socket_;
};

static_assert(MessageSocket<ZmqSocket>);

}  // namespace ipc
