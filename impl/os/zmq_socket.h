// SPDX-License-Identifier: MIT
// A ZeroMQ socket as message_socket.h wants it, through cppzmq. Each of these has a context, and so
// two threads, of its own: contexts do not survive fork, and only the end of its context tells that
// what a socket had sent is written. `make` gives others, for who wants what they can.
#pragma once

#include <poll.h>
#include <pthread.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <zmq.hpp>

#include "impl/os/error.h"
#include "impl/os/message_socket.h"
#include "impl/os/unique_name.h"

namespace ipc {
namespace zmq_detail {

inline constinit std::mutex context_mutex;
inline const int registered = pthread_atfork(
    [] { context_mutex.lock(); }, [] { context_mutex.unlock(); }, [] { context_mutex.unlock(); });

}  // namespace zmq_detail

class ZmqSocket {
 public:
  using Message = zmq::message_t;
  static constexpr std::size_t kMaxMessage = std::numeric_limits<std::int32_t>::max();
  static constexpr std::uint32_t kMaxSlots = 1 << 20;
  static constexpr const char* kNeeds = "Linux, libzmq";

  // A unix socket with an abstract name, which is gone with the socket.
  static std::string unique_address() { return "ipc://@" + unique_name().substr(1); }

  static std::unique_ptr<ZmqSocket> dial(Pattern pattern, const std::string& address) {
    auto made = make_alone(pattern == Pattern::pair ? ZMQ_PAIR : ZMQ_PUSH);
    made->connect(address);
    return made;
  }

  static std::unique_ptr<ZmqSocket> listen(Pattern pattern, const std::string& address) {
    auto made = make_alone(pattern == Pattern::pair ? ZMQ_PAIR : ZMQ_PULL);
    if (made->join(zmq_bind, address)) return made;
    if (errno == EADDRINUSE) return nullptr;
    throw_errno(address);
  }

  // The first one of a process makes it begin with libsodium, under a lock that a fork would leave
  // locked in the child: a fork waits meanwhile.
  static std::shared_ptr<zmq::context_t> make_context() {
    const std::lock_guard hold(zmq_detail::context_mutex);
    return std::make_shared<zmq::context_t>();
  }

  // Of any type, connected with nobody. Throws std::system_error.
  static std::unique_ptr<ZmqSocket> make(int type, std::shared_ptr<zmq::context_t> context) try {
    return std::unique_ptr<ZmqSocket>(new ZmqSocket(std::move(context), type));
  } catch (const zmq::error_t& error) {
    errno = error.num();
    throw_errno("zmq_socket");
  }
  void connect(const std::string& address) {
    if (!join(zmq_connect, address)) throw_errno(address);
  }
  void bind(const std::string& address) {
    if (!join(zmq_bind, address)) throw_errno(address);
  }
  template <class Value>
  void set(int option, const Value& value) {
    if (zmq_setsockopt(socket_.handle(), option, &value, sizeof value) != 0) {
      throw_errno("zmq_setsockopt " + std::to_string(option));
    }
  }
  int get(int option) {
    int value = 0;
    std::size_t size = sizeof value;
    while (zmq_getsockopt(socket_.handle(), option, &value, &size) != 0 && errno == EINTR) {
    }
    return value;
  }

  Status send(Message& message, int flags = 0) {
    while (zmq_msg_send(message.handle(), socket_.handle(), flags) < 0) {
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
    context_.reset();
  }
  void leave(Deadline) {}

 private:
  ZmqSocket(std::shared_ptr<zmq::context_t> context, int type)
      : context_(std::move(context)), socket_(*context_, static_cast<zmq::socket_type>(type)) {
    set(ZMQ_SNDHWM, 0);  // unbounded
    set(ZMQ_RCVHWM, 0);
    set(ZMQ_LINGER, 0);
    set(ZMQ_RECONNECT_IVL, 1);  // ms; until somebody listens
    set(ZMQ_RECONNECT_IVL_MAX, 20);
  }

  // A signal may interrupt it before anything is done.
  bool join(int (*how)(void* socket, const char* address), const std::string& address) {
    int failed;
    do {
      failed = how(socket_.handle(), address.c_str());
    } while (failed != 0 && errno == EINTR);
    return failed == 0;
  }

  static std::unique_ptr<ZmqSocket> make_alone(int type) { return make(type, make_context()); }

  std::shared_ptr<zmq::context_t> context_;  // outlives the socket
  zmq::socket_t socket_;
};

static_assert(MessageSocket<ZmqSocket>);

}  // namespace ipc
