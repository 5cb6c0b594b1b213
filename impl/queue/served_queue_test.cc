// SPDX-License-Identifier: MIT
// The helper of a queue: runs with it, ends with it, and holds nothing else. Every case forks.
#include "impl/queue/served_queue.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>

#include "impl/driver/loop_back.h"
#include "impl/os/child.h"
#include "impl/os/mapping.h"
#include "impl/os/stream.h"

namespace ipc {
namespace {

using std::chrono::seconds;

Shared<std::atomic<pid_t>>& helper() {
  static Shared<std::atomic<pid_t>> pid;
  return pid;
}

// Carries nothing; its helper says who it is and waits.
class WithHelper {
 public:
  explicit WithHelper(const QueueOptions&) { *helper() = 0; }
  std::unique_ptr<LoopBack> open() { return std::make_unique<LoopBack>(kMinPayload); }
  std::size_t capacity_bytes() const { return 1; }
  void serve() {
    *helper() = getpid();
    for (;;) pause();
  }
};

std::unique_ptr<AnyQueue> make_queue() {
  return served(std::make_unique<QueueAdapter<WithHelper>>(QueueOptions()));
}

pid_t started_helper() {
  const Deadline limit = Deadline::after(seconds(60));
  while (*helper() == 0 && !limit.passed()) usleep(100);
  return *helper();
}

// A child that was killed stays as long as nobody has waited for it: kill(pid, 0) finds it.
bool is_there(pid_t pid) {
  usleep(100'000);  // a kill may be on its way
  siginfo_t end{};
  return waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         end.si_pid == 0;
}

TEST(HelperProcess, RunsAsLongAsItsQueue) {
  auto queue = make_queue();
  const pid_t pid = started_helper();
  ASSERT_GT(pid, 0);
  EXPECT_NE(pid, getpid());
  EXPECT_TRUE(is_there(pid));
  EXPECT_FALSE(queue->has_helper()) << "which nobody has to start any more";
  queue.reset();
  EXPECT_FALSE(is_there(pid));
}

TEST(HelperProcess, OutlivesTheCopiesOfItsQueue) {
  auto queue = make_queue();
  const pid_t pid = started_helper();
  Child user = fork_child([&] {
    queue.reset();
    return 0;
  });
  EXPECT_EQ(user.wait(Deadline::after(seconds(60))), 0);
  EXPECT_TRUE(is_there(pid));
}

TEST(HelperProcess, KeepsNoDescriptorOfItsParent) {
  PipeEnds pipe = make_pipe(4096);
  const auto queue = make_queue();
  ASSERT_GT(started_helper(), 0);
  pipe.write.reset();
  EXPECT_NE(poll_until(pipe.read.get(), POLLIN, Deadline::after(seconds(60))), 0)
      << "the helper holds the other end";
}

}  // namespace
}  // namespace ipc
