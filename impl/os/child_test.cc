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
#include <thread>
#include <vector>

#include "impl/os/affinity.h"
#include "impl/os/mapping.h"

namespace ipc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ChildProcesses, ReportTheirStatus) {
  Child child = fork_child([] { return 7; });
  EXPECT_EQ(child.wait(Deadline::after(seconds(60))), 7);
  EXPECT_EQ(child.wait(Deadline::now()), 7) << "again, without waiting";
}

TEST(ChildProcesses, ReportTheSignalThatEndedThem) {
  Child child = fork_child([]() -> int {
    for (;;) pause();
  });
  EXPECT_FALSE(child.wait(Deadline::now()));
  EXPECT_FALSE(child.wait(Deadline::after(milliseconds(10))));
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(Deadline::after(seconds(60))), -SIGTERM);
}

TEST(ChildProcesses, FailWithAnUncaughtException) {
  testing::internal::CaptureStderr();
  Child child = fork_child([]() -> int { throw std::runtime_error("no way"); });
  EXPECT_EQ(child.wait(Deadline::after(seconds(60))), 1);
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

// Of a program that reaps all its children, or has the kernel do so.
TEST(ChildProcesses, HaveAnUnknownStatusWhenOthersReapThem) {
  Child test = fork_child([] {
    Child reaped = fork_child([] { return 7; });
    waitpid(reaped.pid(), nullptr, 0);
    reaped.signal(SIGKILL);
    if (reaped.wait(Deadline::never()) != Child::kUnknown) return 1;
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 50; ++i) {
      Child ignored = fork_child([] { return 7; });
      if (i % 2 == 0 && ignored.wait(Deadline::never()) != Child::kUnknown) return 2;
    }
    return 0;
  });
  EXPECT_EQ(test.wait(Deadline::after(seconds(60))), 0);
}

TEST(ChildProcesses, AreWaitedForByAnyThreads) {
  for (int i = 0; i < 50; ++i) {
    Child child = fork_child([i] { return i; });
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
      threads.emplace_back([&] { EXPECT_EQ(child.wait(Deadline::after(seconds(60))), i); });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(ChildProcesses, AreForkedWhileAnotherThreadWaitsForInput) {
  Child test = fork_child([] {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    FILE* const input = fdopen(ends[0], "r");
    std::thread reader([input] { static_cast<void>(std::fgetc(input)); });
    usleep(20'000);  // until it waits, with the stream's lock
    Child child = fork_child([] { return 7; });
    const bool is_good = child.wait(Deadline::after(seconds(60))) == 7;
    close(ends[1]);
    reader.join();
    return is_good ? 0 : 2;
  });
  EXPECT_EQ(test.wait(Deadline::after(seconds(60))), 0);
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
  EXPECT_EQ(child.wait(Deadline::after(seconds(60))), -SIGKILL);
  const Deadline limit = Deadline::after(seconds(60));
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
  *calls = 0;
  Child asks = fork_child([] {
    for (int i = 0; i < 2; ++i) at_process_end([] { ++*calls; });
    Child child = fork_child([] { return 3; });
    const std::optional<int> status = child.wait(Deadline::after(seconds(60)));
    if (status != 3 || *calls != 1) return 1;
    Child exits = fork_child([]() -> int { exit(3); });
    if (exits.wait(Deadline::after(seconds(60))) != 3 || *calls != 2) return 2;
    Child killed = fork_child([]() -> int {
      raise(SIGKILL);
      return 0;
    });
    killed.wait(Deadline::after(seconds(60)));
    return 0;
  });
  EXPECT_EQ(asks.wait(Deadline::after(seconds(60))), 0);
  EXPECT_EQ(*calls, 3) << "by two children and by the process that asked";
}

TEST(AffinityOfProcesses, IsOneOfTheAllowedCpus) {
  const auto cpus = allowed_cpus();
  ASSERT_FALSE(cpus.empty());
  Child child = fork_child([&] {
    pin_to_cpu(cpus.back());
    return allowed_cpus() == std::vector<int>{cpus.back()} ? 0 : 1;
  });
  EXPECT_EQ(child.wait(Deadline::after(seconds(60))), 0);
}

}  // namespace
}  // namespace ipc
