// SPDX-License-Identifier: MIT
// Messages over unix sockets from senders to receivers, all on one CPU, to see what lies between
// `perf bench sched messaging` and unix_stream.
//
// usage: group_stream MESSAGES CPU ADDED. Prints nanoseconds a message, from the moment when all
// processes are there until the last message is read.
// ADDED says how much is as it is in unix_stream, each with those before it: 0 nothing (20 senders,
// each of whom writes 100 bytes to each of 20 receivers in turn, who read as much at a time), 1 one
// sender and one receiver, 2 the receiver takes what there is, up to 64 KiB, 3 messages of 68
// bytes.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <vector>

#include "bench/instruments/arguments.h"
#include "impl/os/affinity.h"
#include "impl/os/child.h"
#include "impl/os/error.h"
#include "impl/os/mapping.h"
#include "impl/os/unique_fd.h"

namespace ipc::bench {
namespace {

enum Added { kNothing, kOnePair, kReadsAhead, kSize };

struct Times {
  std::atomic<int> ready{0};
  std::atomic<std::int64_t> last_end{0};
};

void read_exactly(int socket, std::size_t bytes, std::size_t at_a_time) {
  std::vector<std::byte> buffer(at_a_time);
  while (bytes != 0) {
    const ssize_t got = read(socket, buffer.data(), std::min(bytes, at_a_time));
    if (got <= 0) throw_errno("read of a socket");
    bytes -= static_cast<std::size_t>(got);
  }
}

void measure(std::uint64_t messages, int cpu, int added) {
  const int peers = added >= kOnePair ? 1 : 20;
  const std::size_t bytes = added >= kSize ? 68 : 100;
  const std::size_t at_a_time = added >= kReadsAhead ? 64 << 10 : bytes;
  const std::uint64_t each = messages / static_cast<std::uint64_t>(peers * peers);
  std::vector<UniqueFd> ins;
  std::vector<UniqueFd> outs;
  for (int i = 0; i < peers; ++i) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
    ins.emplace_back(ends[0]);
    outs.emplace_back(ends[1]);
  }
  int start[2];
  if (pipe2(start, O_CLOEXEC) != 0) throw_errno("pipe");
  UniqueFd wait_here(start[0]);
  UniqueFd go(start[1]);
  const Shared<Times> times;
  pin_to_cpu(cpu);
  std::vector<Child> children;
  const auto add = [&](const std::function<void()>& body) {
    children.push_back(fork_child([&] {
      go.reset();
      times->ready.fetch_add(1);
      char nothing;
      if (read(wait_here.get(), &nothing, 1) != 0) throw_errno("read of the start");
      body();
      return 0;
    }));
  };
  const std::uint64_t received = each * static_cast<std::uint64_t>(peers) * bytes;
  for (const UniqueFd& in : ins) {
    add([&, socket = in.get()] {
      read_exactly(socket, received, at_a_time);
      times->last_end.store(std::max(times->last_end.load(), monotonic_ns()));
    });
  }
  for (int i = 0; i < peers; ++i) {
    add([&] {
      const std::vector<std::byte> message(bytes);
      for (std::uint64_t k = 0; k < each; ++k) {
        for (const UniqueFd& out : outs) {
          if (write(out.get(), message.data(), bytes) != static_cast<ssize_t>(bytes)) {
            throw_errno("write to a socket");
          }
        }
      }
    });
  }
  while (times->ready.load() != 2 * peers) usleep(1000);
  usleep(1000);  // until the last one waits
  const std::int64_t begin = monotonic_ns();
  go.reset();
  for (Child& child : children) {
    if (child.wait(Deadline::never()) != 0) throw std::runtime_error("a process failed");
  }
  std::printf("%.1f\n", static_cast<double>(times->last_end.load() - begin) /
                            static_cast<double>(each * static_cast<std::uint64_t>(peers * peers)));
}

}  // namespace
}  // namespace ipc::bench

int main(int argc, char** argv) {
  using namespace ipc::bench;
  const std::vector<int> given = numbers(
      argc, argv, "group_stream", {{"MESSAGES", 400}, {"CPU", 0}, {"ADDED", kNothing, kSize}});
  try {
    measure(static_cast<std::uint64_t>(given[0]), given[1], given[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "group_stream: %s\n", error.what());
    return 1;
  }
}
