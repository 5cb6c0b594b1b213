// SPDX-License-Identifier: MIT
// floor (operations): what do the steps take of which every transport is made?
//
//   syscall       the cheapest entry into the kernel and back (getppid)
//   clock_read    one stamp, as the latency loops take one a round trip
//   memcpy        copying bytes that this CPU wrote last
//   copy_cross    copying bytes that another CPU wrote last into private memory
//   fork_wait     a process that ends at once, and waiting for it
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>

#include "bench/harness/floor_peers.h"
#include "bench/harness/operations.h"
#include "impl/driver/carriers.h"
#include "impl/os/error.h"
#include "impl/os/mapping.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> syscall_floor(const Keys& keys, const RunOptions& options) {
  return alone(keys, options, [] { return repeat([] { syscall(SYS_getppid); }); });
}

std::unique_ptr<Team> clock_read(const Keys& keys, const RunOptions& options) {
  return alone(keys, options, [] { return repeat([] { monotonic_ns(); }); });
}

std::unique_ptr<Team> fork_wait(const Keys& keys, const RunOptions& options) {
  const auto open = [] {
    return repeat([] {
      const pid_t pid = fork();
      if (pid < 0) throw_errno("fork");
      if (pid == 0) _exit(0);
      if (waitpid(pid, nullptr, 0) != pid) throw_errno("waitpid");
    });
  };
  return alone(keys, options, open, true);
}

// The compiler must believe that memory was read and written.
void touch(void* memory) { asm volatile("" : : "r"(memory) : "memory"); }

// Where `from` is copied to. Half a page apart in their pages: memcpy's `rep movsb` is up to 100
// times slower on AMD's Zen where the target begins just behind the source there (glibc bug 30994),
// and that is no floor.
class Target {
 public:
  Target(const void* from, std::size_t bytes) : memory_(touched_buffer(bytes + kPage)) {
    const auto place = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % kPage; };
    begin_ = memory_.data() + (place(from) + kPage + kPage / 2 - place(memory_.data())) % kPage;
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  std::byte* data() const { return begin_; }

 private:
  static constexpr std::size_t kPage = 4096;
  Buffer memory_;
  std::byte* begin_;
};

std::unique_ptr<Team> memcpy_floor(const Keys& keys, const RunOptions& options) {
  return alone(keys, options, [bytes = keys.bytes] {
    const auto from = std::make_shared<Buffer>(touched_buffer(bytes));
    const auto to = std::make_shared<Target>(from->data(), bytes);
    return repeat([from, to, bytes] {
      touch(from->data());
      std::memcpy(to->data(), from->data(), bytes);
      touch(to->data());
    });
  });
}

// The writer fills a buffer, the reader copies it, in turns; only the copying is on the clock. One
// stamp a message stands in it: for small sizes this is the floor of the stamp.
struct alignas(128) Turn {
  std::atomic<std::uint64_t> value{0};  // even: the writer's turn, odd: the reader's
};

std::unique_ptr<Team> copy_cross(const Keys& keys, const RunOptions& options) {
  const auto turn = std::make_shared<Shared<Turn>>();
  const auto memory = std::make_shared<Mapping>(keys.bytes);
  TeamPlan plan;
  plan.bytes = keys.bytes;
  plan.placement = Placement::cross;
  const auto await = [turn](std::uint64_t parity) {
    // acquire: pairs with the release in pass, the other's bytes are seen.
    while (((*turn)->value.load(std::memory_order_acquire) & 1) != parity) {
    }
  };
  const auto pass = [turn] { (*turn)->value.fetch_add(1, std::memory_order_release); };
  plan.producers = {{.name = "reader", .open = [=, bytes = keys.bytes]() -> Job {
                       const auto to = std::make_shared<Target>(memory->address(), bytes);
                       return [=](const LoopPlan& batch) {
                         LoopResult result;
                         result.messages = batch.messages;
                         for (std::uint64_t i = 0; i < batch.messages; ++i) {
                           await(1);
                           const std::int64_t begin = monotonic_ns();
                           std::memcpy(to->data(), memory->address(), bytes);
                           touch(to->data());
                           result.end_ns += monotonic_ns() - begin;
                           pass();
                         }
                         return result;
                       };
                     }}};
  plan.consumers = {{.name = "writer", .open = [=, bytes = keys.bytes]() -> Job {
                       return [=](const LoopPlan& batch) {
                         LoopResult result;
                         result.messages = batch.messages;
                         for (std::uint64_t i = 0; i < batch.messages; ++i) {
                           await(0);
                           fill_payload({static_cast<std::byte*>(memory->address()), bytes}, i);
                           pass();
                         }
                         return result;
                       };
                     }}};
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterQuestion registered([] {
  std::vector<Series> all{floor_series("syscall", {}, 1, syscall_floor),
                          floor_series("clock_read", {}, 1, clock_read),
                          floor_series("fork_wait", {}, 1, fork_wait)};
  for (const std::size_t bytes : kSizes) {
    all.push_back(floor_series("memcpy", {.bytes = bytes}, 1, memcpy_floor));
    all.push_back(floor_series("copy_cross", {.bytes = bytes}, 2, copy_cross));
  }
  return all;
});

}  // namespace
}  // namespace ipc::bench
