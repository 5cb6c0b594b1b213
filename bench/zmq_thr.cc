// SPDX-License-Identifier: MIT
// ZeroMQ's own way to measure (zeromq.org, "performance tests": local_thr and remote_thr), to check
// zmq_pair against: a process sends messages over a PAIR socket, nothing added; the rate is that at
// the receiver, from its first message to its last. Messages are neither written nor read.
//
// usage: zmq_thr BYTES MESSAGES SENDER_CPU RECEIVER_CPU. Prints nanoseconds a message.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <zmq.hpp>

#include "impl/os/affinity.h"
#include "impl/os/child.h"
#include "impl/os/deadline.h"
#include "impl/os/unique_name.h"

namespace {

using ipc::monotonic_ns;

int number(const char* text) {
  int value = -1;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end || value < 0) {
    std::fprintf(stderr, "zmq_thr: '%s' is not a number from 0\n", text);
    std::exit(2);
  }
  return value;
}

void send_all(const std::string& address, std::size_t bytes, int messages) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::pair);
  socket.connect(address);
  for (int i = 0; i < messages; ++i) socket.send(zmq::message_t(bytes), zmq::send_flags::none);
  zmq::message_t done;
  static_cast<void>(socket.recv(done));
}

double receive_all(const std::string& address, int messages) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::pair);
  socket.set(zmq::sockopt::rcvtimeo, 10'000);  // ms
  socket.bind(address);
  zmq::message_t message;
  const auto receive = [&] {
    if (!socket.recv(message)) throw std::runtime_error("nothing came for 10 s");
  };
  receive();
  const std::int64_t begin = monotonic_ns();
  for (int i = 1; i < messages; ++i) receive();
  const std::int64_t end = monotonic_ns();
  socket.send(zmq::message_t(), zmq::send_flags::none);
  return static_cast<double>(end - begin) / (messages - 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: zmq_thr BYTES MESSAGES SENDER_CPU RECEIVER_CPU\n");
    return 2;
  }
  const auto bytes = static_cast<std::size_t>(number(argv[1]));
  const int messages = number(argv[2]);
  if (messages < 2) {
    std::fprintf(stderr, "zmq_thr: MESSAGES must be 2 at least\n");
    return 2;
  }
  const int sender_cpu = number(argv[3]);
  const int receiver_cpu = number(argv[4]);
  const std::string address = "ipc://@" + ipc::unique_name().substr(1);
  try {
    const ipc::Child sender = ipc::fork_child([&] {
      ipc::pin_to_cpu(sender_cpu);
      send_all(address, bytes, messages);
      return 0;
    });
    ipc::pin_to_cpu(receiver_cpu);
    std::printf("%.2f\n", receive_all(address, messages));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "zmq_thr: %s\n", error.what());
    return 1;
  }
}
