// SPDX-License-Identifier: MIT
// A round trip over TCP on 127.0.0.1 between two processes on one CPU with as little around it as
// possible, to see what lies between tcp_loopback and the instruments of others. Driven by the
// loops that drive the backends.
//
// usage: tcp_rtt BYTES ROUND_TRIPS CPU ADDED. Prints the median in nanoseconds, then how many TCP
// segments the machine sent meanwhile for each round trip.
// ADDED says how much of what tcp_loopback does is added, each with those before it: 0 nothing (one
// connection carries both ways, as usual), 1 a connection each way, 2 socket buffers of 32 KiB
// where the kernel chose before, 3 a length before each message, sent with it and read ahead.
#include <sys/socket.h>
#include <sys/time.h>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/instruments/arguments.h"
#include "impl/driver/carriers.h"
#include "impl/driver/loops.h"
#include "impl/os/affinity.h"
#include "impl/os/child.h"
#include "impl/os/error.h"
#include "impl/os/loopback.h"
#include "impl/os/socket.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc::bench {
namespace {

enum Added { kNothing, kBothWays, kBuffers, kFrames };

LoopbackConnection connect_to_self(int added) {
  return connect_over_loopback([added](int listener, int active) {
    for (const int tcp : {listener, active}) {
      const timeval patience{.tv_sec = 10, .tv_usec = 0};  // also when the other process has failed
      if (setsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
        throw_errno("SO_RCVTIMEO");
      }
      set_no_delay(tcp);
    }
    if (added >= kBuffers) {
      ask_socket_buffer(listener, SO_RCVBUF, 32 << 10);
      ask_socket_buffer(active, SO_SNDBUF, 32 << 10);
    }
  });
}

// Messages of one size, as they are: a call each.
struct Bare {
  int in;
  int out;
  std::size_t bytes;

  Status send(std::span<const std::byte> message) const {
    const ssize_t sent = ::send(out, message.data(), message.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(message.size()) ? Status::ok : Status::system_error;
  }
  Status receive(Buffer& message) const {
    message.resize(bytes);
    const ssize_t got = recv(in, message.data(), bytes, MSG_WAITALL);
    return got == static_cast<ssize_t>(bytes) ? Status::ok : Status::system_error;
  }
};

void must_be_done(const LoopResult& result, const LoopPlan& plan) {
  if (result.messages != plan.messages) throw std::runtime_error("a message was lost or torn");
}

template <class End>
Histogram ping_with(End end, const LoopPlan& plan) {
  SequenceCheck check;
  Histogram times;
  typename Copying<End>::Out out(end, plan.bytes);
  typename Copying<End>::In in(end, plan.bytes);
  must_be_done(ping(out, in, plan, check, times), plan);
  return times;
}

template <class End>
int pong_with(End end, const LoopPlan& plan) {
  SequenceCheck check;
  typename Copying<End>::In in(end, plan.bytes);
  typename Copying<End>::Out out(end, plan.bytes);
  must_be_done(pong(in, out, plan, check), plan);
  return 0;
}

// Of the whole network namespace: /proc/net/snmp, a line of names and one of numbers.
double segments_sent() {
  std::ifstream file("/proc/net/snmp");
  for (std::string names, values; std::getline(file, names) && std::getline(file, values);) {
    if (!names.starts_with("Tcp:")) continue;
    std::istringstream name_stream(names);
    std::istringstream value_stream(values);
    std::string name;
    std::string value;
    while (name_stream >> name && value_stream >> value) {
      if (name == "OutSegs") return std::stod(value);
    }
  }
  throw std::runtime_error("/proc/net/snmp has no OutSegs of Tcp");
}

void measure(const LoopPlan& plan, int cpu, int added) {
  LoopbackConnection there = connect_to_self(added);
  LoopbackConnection back = added >= kBothWays ? connect_to_self(added) : LoopbackConnection{};
  const bool framed = added >= kFrames;
  const int back_in = back.active ? back.passive.get() : there.active.get();
  const int back_out = back.active ? back.active.get() : there.passive.get();
  const Bare asking{back_in, there.active.get(), plan.bytes};
  const Bare answering{there.passive.get(), back_out, plan.bytes};
  pin_to_cpu(cpu);
  const Child child = fork_child([&] {
    if (!framed) return pong_with(answering, plan);
    return pong_with(StreamEndpoint(std::move(there.passive), std::move(back.active)), plan);
  });
  const double before = segments_sent();
  const Histogram times =
      framed ? ping_with(StreamEndpoint(std::move(back.passive), std::move(there.active)), plan)
             : ping_with(asking, plan);
  const double segments = segments_sent() - before;
  std::printf("%.0f %.2f\n", times.quantile(0.5).value(),
              segments / static_cast<double>(plan.messages));
}

}  // namespace
}  // namespace ipc::bench

int main(int argc, char** argv) {
  using namespace ipc::bench;
  const std::vector<int> given = numbers(argc, argv, "tcp_rtt",
                                         {{"BYTES", int{ipc::kMinPayload}, 32 << 10},
                                          {"ROUND_TRIPS", 100},
                                          {"CPU", 0},
                                          {"ADDED", kNothing, kFrames}});
  const ipc::LoopPlan plan{.bytes = static_cast<std::size_t>(given[0]),
                           .messages = static_cast<std::uint64_t>(given[1])};
  try {
    measure(plan, given[2], given[3]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tcp_rtt: %s\n", error.what());
    return 1;
  }
}
