// SPDX-License-Identifier: MIT
#include "impl/os/child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "impl/os/affinity.h"
#include "impl/os/mapping.h"

namespace ipc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ChildProcesses, ReportTheirStatus) {
  Child child = fork_child([] { return 7; });
  EXPECT_EQ(child.wait(Deadline::after(seconds(10))), 7);
  EXPECT_EQ(child.wait(Deadline::now()), 7) << "again, without waiting";
}

TEST(ChildProcesses, ReportTheSignalThatEndedThem) {
  Child child = fork_child([]() -> int {
    for (;;) pause();
  });
  EXPECT_FALSE(child.wait(Deadline::now()));
  EXPECT_FALSE(child.wait(Deadline::after(milliseconds(10))));
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(Deadline::after(seconds(10))), -SIGTERM);
}

TEST(ChildProcesses, FailWithAnUncaughtException) {
  testing::internal::CaptureStderr();
  Child child = fork_child([]() -> int { throw std::runtime_error("no way"); });
  EXPECT_EQ(child.wait(Deadline::after(seconds(10))), 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("no way"), std::string::npos);
}

TEST(ChildProcesses, AreReapedWithTheirOwner) {
  pid_t pid;
  {
    const Child child = fork_child([]() -> int {
      for (;;) pause();
    });
    pid = child.pid();
  }
  EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1);
}

TEST(ChildProcesses, DieWithTheirParent) {
  Shared<std::atomic<pid_t>> grandchild;
  Child child = fork_child([&]() -> int {
    const Child inner = fork_child([]() -> int {
      for (;;) pause();
    });
    *grandchild = inner.pid();
    raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(child.wait(Deadline::after(seconds(10))), -SIGKILL);
  const Deadline limit = Deadline::after(seconds(10));
  // Nobody here may wait for it: it is gone when it can no longer be signalled, or only a zombie is
  // left.
  const auto alive = [&] {
    const std::string path = "/proc/" + std::to_string(grandchild->load()) + "/stat";
    FILE* file = std::fopen(path.c_str(), "r");
    if (file == nullptr) return false;
    char state = 0;
    const int got = std::fscanf(file, "%*d %*s %c", &state);
    std::fclose(file);
    return got == 1 && state != 'Z';
  };
  while (alive() && !limit.passed()) usleep(1000);
  EXPECT_FALSE(alive());
}

TEST(ChildProcesses, CallWhatWasAskedForWhenTheyEndNormally) {
  static Shared<std::atomic<int>> calls;
  Child asks = fork_child([] {
    at_process_end([] { ++*calls; });
    Child child = fork_child([] { return 3; });
    const std::optional<int> status = child.wait(Deadline::after(seconds(10)));
    if (status != 3 || *calls != 1) return 1;
    Child exits = fork_child([]() -> int { exit(3); });
    if (exits.wait(Deadline::after(seconds(10))) != 3 || *calls != 2) return 2;
    Child killed = fork_child([]() -> int {
      raise(SIGKILL);
      return 0;
    });
    killed.wait(Deadline::after(seconds(10)));
    return 0;
  });
  EXPECT_EQ(asks.wait(Deadline::after(seconds(10))), 0);
  EXPECT_EQ(*calls, 3) << "by two children and by the process that asked";
}

TEST(AffinityOfProcesses, IsOneOfTheAllowedCpus) {
  const auto cpus = allowed_cpus();
  ASSERT_FALSE(cpus.empty());
  Child child = fork_child([&] {
    pin_to_cpu(cpus.back());
    return allowed_cpus() == std::vector<int>{cpus.back()} ? 0 : 1;
  });
  EXPECT_EQ(child.wait(Deadline::after(seconds(10))), 0);
}

}  // namespace
}  // namespace ipc
