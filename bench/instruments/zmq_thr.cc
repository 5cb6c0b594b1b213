// SPDX-License-Identifier: MIT
// ZeroMQ's own way to measure (zeromq.org, "performance tests": local_thr and remote_thr), to check
// zmq_pair against: a process sends messages over a PAIR socket; the rate is that at the receiver,
// from its first message to its last.
//
// usage: zmq_thr BYTES MESSAGES SENDER_CPU RECEIVER_CPU ADDED. Prints nanoseconds a message.
// ADDED says how much of what zmq_pair does besides is added, each with those before it:
// 0 nothing (ZeroMQ's method)
// 1 every byte is written and read
// 2 no more messages wait than fit in 64 KiB
// 3 the sender asks before each message whether the other is still there
// 4 the receiver waits for the end as well, which takes a poll(2) of its own
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "bench/instruments/arguments.h"
#include "impl/driver/payload.h"
#include "impl/os/affinity.h"
#include "impl/os/child.h"
#include "impl/os/deadline.h"
#include "impl/os/error.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/mapping.h"
#include "impl/os/unique_name.h"
#include "impl/sync/semaphore_word.h"

namespace ipc::bench {
namespace {

enum Added { kNothing, kBytes, kWindow, kAsking, kPolling };

struct Plan {
  std::string address;
  std::size_t bytes;
  int messages;
  int added;
};

std::uint32_t window(const Plan& plan) {
  return static_cast<std::uint32_t>(std::max<std::size_t>((64 << 10) / plan.bytes, 1));
}

std::span<std::byte> bytes_of(zmq::message_t& message) {
  return {static_cast<std::byte*>(message.data()), message.size()};
}

void send_all(const Plan& plan, SemaphoreWord& slots, const LifetimeToken::Hold& hold) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::pair);
  socket.connect(plan.address);
  for (int i = 0; i < plan.messages; ++i) {
    zmq::message_t message(plan.bytes);
    if (plan.added >= kBytes) fill_payload(bytes_of(message), static_cast<std::uint64_t>(i));
    if (plan.added >= kAsking && hold.is_alone()) throw std::runtime_error("nobody receives");
    if (plan.added >= kWindow) static_cast<void>(slots.acquire());
    socket.send(message, zmq::send_flags::none);
  }
  zmq::message_t done;
  static_cast<void>(socket.recv(done));
}

double receive_all(const Plan& plan, SemaphoreWord& slots, const LifetimeToken::Hold& hold) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::pair);
  socket.set(zmq::sockopt::rcvtimeo, 10'000);  // ms
  socket.bind(plan.address);
  const int announced = socket.get(zmq::sockopt::fd);
  zmq::message_t message;
  const auto receive = [&] {
    while (plan.added >= kPolling && !socket.recv(message, zmq::recv_flags::dontwait)) {
      pollfd watched[] = {{announced, POLLIN, 0}, {hold.fd(), POLLIN, 0}};
      const int ready = poll(watched, 2, 10'000);
      if (ready == 0) throw std::runtime_error("nothing came for 10 s");
      if (ready < 0 && errno != EINTR) throw_errno("poll");
      if (watched[1].revents != 0) throw std::runtime_error("the sender is gone");
    }
    if (plan.added < kPolling && !socket.recv(message)) {
      throw std::runtime_error("nothing came for 10 s");
    }
    std::uint64_t tag;
    if (plan.added >= kBytes && !check_payload(bytes_of(message), tag)) {
      throw std::runtime_error("a message is torn");
    }
    if (plan.added >= kWindow) slots.release();
  };
  receive();
  const std::int64_t begin = monotonic_ns();
  for (int i = 1; i < plan.messages; ++i) receive();
  const std::int64_t end = monotonic_ns();
  socket.send(zmq::message_t(), zmq::send_flags::none);
  return static_cast<double>(end - begin) / (plan.messages - 1);
}

}  // namespace
}  // namespace ipc::bench

int main(int argc, char** argv) {
  using namespace ipc::bench;
  const std::vector<int> given = numbers(argc, argv, "zmq_thr",
                                         {{"BYTES", int{ipc::kMinPayload}},
                                          {"MESSAGES", 2},
                                          {"SENDER_CPU", 0},
                                          {"RECEIVER_CPU", 0},
                                          {"ADDED", kNothing, kPolling}});
  const Plan plan{.address = "ipc://@" + ipc::unique_name().substr(1),
                  .bytes = static_cast<std::size_t>(given[0]),
                  .messages = given[1],
                  .added = given[4]};
  try {
    const ipc::Shared<ipc::SemaphoreWord> slots(window(plan));
    ipc::LifetimeToken token;
    const ipc::Child sender = ipc::fork_child([&] {
      token.drop(1);
      ipc::pin_to_cpu(given[2]);
      send_all(plan, *slots, token.take(0));
      return 0;
    });
    token.drop(0);
    ipc::pin_to_cpu(given[3]);
    std::printf("%.2f\n", receive_all(plan, *slots, token.take(1)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "zmq_thr: %s\n", error.what());
    return 1;
  }
}
