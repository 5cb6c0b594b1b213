// SPDX-License-Identifier: MIT
// Process as semantics of Python's multiprocessing.Process. Every case forks. Longer than most: one
// case for each promise.
#include "impl/process/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "impl/driver/errors.h"
#include "impl/os/affinity.h"
#include "impl/os/child.h"
#include "impl/os/mapping.h"
#include "impl/os/stream.h"
#include "impl/pipe/pipe.h"
#include "impl/process/typed_api_test.h"

namespace ipc {
namespace {

[[noreturn]] void run_for_ever() {
  for (;;) pause();
}

std::optional<int> exitcode_of(std::function<void()> function) {
  Process child{std::move(function)};
  child.start();
  return end_of(child);
}

TEST(Processes, RunTheirFunctionInAnotherProcess) {
  auto [here, there] = Pipe(false);
  Process child{[&out = there] { out.send(getpid()); }};
  child.start();
  EXPECT_EQ(here.recv<pid_t>(), child.pid());
  EXPECT_NE(child.pid(), getpid());
  EXPECT_EQ(end_of(child), 0);
}

TEST(Processes, HaveNoPidNoExitcodeAndNoLifeBeforeStart) {
  Process child;
  EXPECT_EQ(child.pid(), std::nullopt);
  EXPECT_EQ(child.exitcode(), std::nullopt);
  EXPECT_FALSE(child.is_alive());
  EXPECT_THROW(child.sentinel(), ValueError);
  EXPECT_THROW(child.join(), StateError);
  EXPECT_THROW(child.terminate(), StateError);
  EXPECT_THROW(child.kill(), StateError);
  child.start();
  EXPECT_TRUE(child.pid().has_value());
  EXPECT_EQ(end_of(child), 0);
}

TEST(Processes, AreDoneAfterAJoin) {
  const Shared<std::atomic<int>> done(0);
  Running child([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    *done = 1;
  });
  EXPECT_TRUE(child->join());
  EXPECT_EQ(*done, 1);
}

TEST(Processes, AreJoinedAsOftenAsOneLikes) {
  Running child(run_for_ever);
  EXPECT_TRUE(child->is_alive());
  EXPECT_FALSE(child->join(0));
  EXPECT_FALSE(child->join(-1));
  EXPECT_FALSE(child->join(kBrief));
  EXPECT_EQ(child->exitcode(), std::nullopt);
  child->terminate();
  EXPECT_TRUE(child->join());
  EXPECT_TRUE(child->join());
  EXPECT_TRUE(child->join(0));
  EXPECT_FALSE(child->is_alive());
  EXPECT_EQ(child->exitcode(), -SIGTERM);
  child->terminate();  // no effect after the end
  child->kill();
  EXPECT_EQ(child->exitcode(), -SIGTERM);
}

TEST(Processes, EndWithTheStatusOfAnExitModulo256) {
  EXPECT_EQ(exitcode_of([] {}), 0);
  EXPECT_EQ(exitcode_of([] { throw Exit{}; }), 0);
  EXPECT_EQ(exitcode_of([] { throw Exit{7}; }), 7);
  EXPECT_EQ(exitcode_of([] { throw Exit{-1}; }), 255);
  EXPECT_EQ(exitcode_of([] { throw Exit{256}; }), 0);
}

TEST(Processes, EndWithMinusTheSignalThatEndedThem) {
  for (const int number : {SIGTERM, SIGKILL, SIGABRT, SIGSEGV}) {
    EXPECT_EQ(exitcode_of([number] {
                signal(number, SIG_DFL);  // a sanitizer has its own
                raise(number);
              }),
              -number);
  }
}

TEST(Processes, PrintAnUncaughtExceptionAndEndWithOne) {
  testing::internal::CaptureStderr();
  Process child{[] { throw std::runtime_error("no such luck"); }, "unlucky"};
  child.start();
  const std::optional<int> end = end_of(child);
  const std::optional<int> unknown = exitcode_of([] { throw 42; });
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_EQ(end, 1);
  EXPECT_EQ(unknown, 1);
  EXPECT_THAT(printed, testing::HasSubstr("unlucky: std::runtime_error: no such luck"));
  EXPECT_THAT(printed, testing::HasSubstr("unknown type"));
}

TEST(Processes, MayHandleTerminateThemselves) {
  auto [here, there] = Pipe(false);
  Process child{[&out = there] {
    signal(SIGTERM, [](int) { _exit(7); });
    out.send(true);
    run_for_ever();
  }};
  child.start();
  EXPECT_TRUE(here.recv<bool>());
  child.terminate();
  EXPECT_EQ(end_of(child), 7);
}

TEST(Processes, StartOnlyOnce) {
  Process child;
  child.start();
  EXPECT_THROW(child.start(), StateError);
  EXPECT_EQ(end_of(child), 0);
  EXPECT_THROW(child.start(), StateError);
}

TEST(Processes, AreNamedByTheirNumberInTheFamily) {
  const Process first;
  auto [here, there] = Pipe(false);
  Process second{[&out = there] {
    out.send(Process{}.name());
    out.send(Process{{}, "reader"}.name());
    out.send(Process{}.name());
  }};
  second.start();
  EXPECT_THAT(first.name(), testing::MatchesRegex("Process-[0-9]+"));
  const int number = std::stoi(first.name().substr(8));
  EXPECT_EQ(second.name(), "Process-" + std::to_string(number + 1));
  EXPECT_EQ(here.recv<std::string>(), second.name() + ":1");
  EXPECT_EQ(here.recv<std::string>(), "reader");
  EXPECT_EQ(here.recv<std::string>(), second.name() + ":3");
  EXPECT_EQ(end_of(second), 0);
}

TEST(Processes, AreWaitedForByTheirDestructor) {
  const Shared<std::atomic<int>> done(0);
  {
    Process child{[&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      *done = 1;
    }};
    child.start();
  }
  EXPECT_EQ(*done, 1);
}

TEST(Processes, ReadNothingFromStandardInput) {
  EXPECT_EQ(exitcode_of([] {
              char byte;
              require(read(STDIN_FILENO, &byte, 1) == 0, "end of file");
            }),
            0);
}

TEST(Processes, ReadNothingFromStandardInputThoughTheirParentHasNone) {
  EXPECT_EQ(exitcode_of([] {
              close(STDIN_FILENO);
              Process child{[] {
                char byte;
                require(read(STDIN_FILENO, &byte, 1) == 0, "end of file");
              }};
              child.start();
              require(end_of(child) == 0, "the child has a standard input");
            }),
            0);
}

TEST(Processes, ReadNothingThatTheirParentHasReadAhead) {
  EXPECT_EQ(exitcode_of([] {
              auto [input, output] = make_pipe(4096);
              require(write(output.get(), "ab", 2) == 2, "a pipe has room");
              require(dup2(input.get(), STDIN_FILENO) == 0 && std::getchar() == 'a', "it is read");
              Process child{[] { require(std::getchar() == EOF, "end of file"); }};
              child.start();
              require(end_of(child) == 0, "the child has what its parent had read");
              require(std::getchar() == 'b', "the parent still has it");
            }),
            0);
}

TEST(Processes, AreJoinedByOneThreadWhileAnotherStartsSome) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([thread] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(exitcode_of([status = thread * 50 + i] { throw Exit(status); }), thread * 50 + i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// CPython waits on a pipe that the grandchild inherits, and so until the time is over.
TEST(Processes, AreJoinedThoughTheirOwnChildrenLiveOn) {
  auto [here, there] = Pipe(false);
  Running child([&out = there] {
    const pid_t grandchild = fork();
    if (grandchild == 0) run_for_ever();
    out.send(grandchild);
  });
  const auto grandchild = here.recv<pid_t>();
  EXPECT_TRUE(child->join(kHang));
  EXPECT_EQ(kill(grandchild, SIGKILL), 0) << "it was alive";
}

TEST(Processes, KeepTheirChangesToThemselves) {
  static int global = 1;
  EXPECT_EQ(exitcode_of([] {
              global = 99;
              throw Exit{global};
            }),
            99);
  EXPECT_EQ(global, 1);
}

TEST(Processes, AreUsedOnlyByTheirMaker) {
  auto sibling = std::make_unique<Running>(run_for_ever);
  Process unstarted;
  Process other{[&] {
    const auto refused = [&](auto call) {
      try {
        call(**sibling);
        return false;
      } catch (const StateError&) {
        return true;
      }
    };
    require(refused([](Process& p) { p.join(); }), "join is refused");
    require(refused([](Process& p) { p.is_alive(); }), "is_alive is refused");
    require(refused([](Process& p) { p.exitcode(); }), "exitcode is refused");
    require(refused([](Process& p) { p.kill(); }), "kill is refused");
    require(refused([&](Process&) { unstarted.start(); }), "start is refused");
  }};
  other.start();
  EXPECT_EQ(end_of(other), 0);
  EXPECT_TRUE((*sibling)->is_alive());
}

TEST(Processes, SurviveTheDestructionOfACopyInAnotherProcess) {
  Process sibling{run_for_ever};
  sibling.start();
  EXPECT_EQ(exitcode_of([&] { Process(std::move(sibling)); }), 0);
  EXPECT_TRUE(sibling.is_alive());
  sibling.kill();
}

TEST(Processes, TakeTheirFunctionFromTheParent) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  Process child{[held = std::move(held)] {}};
  EXPECT_FALSE(watch.expired());
  child.start();
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(end_of(child), 0);
}

TEST(Processes, ReportTheirEndToAWaiter) {
  Running child(run_for_ever);
  EXPECT_THAT(wait({&*child}, kBrief), testing::IsEmpty());
  child->kill();
  EXPECT_THAT(wait({&*child}, kHang), testing::ElementsAre(0));
  EXPECT_EQ(child->exitcode(), -SIGKILL);
  EXPECT_THAT(wait({&*child}, 0), testing::ElementsAre(0));  // also after it was reaped
}

TEST(Processes, PrintTheTextTheyExitWithAndEndWithOne) {
  testing::internal::CaptureStderr();
  const std::optional<int> end = exitcode_of([] { throw Exit{"nothing to do"}; });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "nothing to do\n");
  EXPECT_EQ(end, 1);
}

TEST(Processes, AreClosedAfterTheirEndAndThenRefuseAllButTheirName) {
  Process child{run_for_ever, "", true};
  child.set_daemon(false);
  child.start();
  EXPECT_THROW(child.close(), ValueError);
  child.kill();
  EXPECT_TRUE(child.join(kHang));
  child.close();
  child.close();
  EXPECT_THROW(child.start(), ValueError);
  EXPECT_THROW(child.join(), ValueError);
  EXPECT_THROW(child.is_alive(), ValueError);
  EXPECT_THROW(child.exitcode(), ValueError);
  EXPECT_THROW(child.terminate(), ValueError);
  EXPECT_THROW(child.pid(), ValueError);
  EXPECT_THROW(child.sentinel(), ValueError);
  EXPECT_NE(child.name(), "");
  EXPECT_FALSE(child.daemon());
  Process never;
  never.close();
  EXPECT_THROW(never.start(), ValueError);
}

TEST(Processes, KnowThemselvesAndTheirParent) {
  EXPECT_EQ(current_process().name, "MainProcess");
  EXPECT_EQ(current_process().pid(), getpid());
  EXPECT_EQ(parent_process(), nullptr);
  const pid_t parent = getpid();
  Process child{[parent] {
                  require(current_process().name == "outer", "its own name");
                  require(current_process().pid() == getpid(), "its own pid");
                  require(parent_process()->name() == "MainProcess", "its parent's name");
                  require(parent_process()->pid() == parent, "its parent's pid");
                  require(parent_process()->is_alive(), "its parent is alive");
                  require(wait({parent_process()}, 0).empty(), "its parent has not ended");
                  Process inner{[] { require(parent_process()->name() == "outer", "the outer"); }};
                  inner.start();
                  require(end_of(inner) == 0, "the inner one knows the outer one");
                },
                "outer"};
  child.start();
  EXPECT_EQ(end_of(child), 0);
}

TEST(Processes, MayBeRenamedBeforeTheyStart) {
  Process child{[] { require(current_process().name == "late", "the name of start"); }, "early"};
  child.set_name("late");
  child.start();
  EXPECT_EQ(end_of(child), 0);
}

TEST(Processes, AreListedWhileTheyRun) {
  EXPECT_THAT(active_children(), testing::IsEmpty());
  Process first{run_for_ever, "", true};
  const Process never;
  first.start();
  Process second{run_for_ever, "", true};
  second.start();
  EXPECT_THAT(active_children(), testing::ElementsAre(&first, &second));
  Process moved{std::move(first)};
  EXPECT_THAT(active_children(), testing::ElementsAre(&moved, &second));
  EXPECT_EQ(exitcode_of([] { require(active_children().empty(), "these are not the child's"); }),
            0);
  second.kill();
  EXPECT_TRUE(second.join(kHang));
  EXPECT_THAT(active_children(), testing::ElementsAre(&moved));
  moved.kill();
}

TEST(Processes, AreListedWhileAnotherThreadMovesThem) {
  Process first{run_for_ever, "", true};
  first.start();
  std::atomic<bool> is_over = false;
  std::thread mover([&] {
    auto one = std::make_unique<Process>(std::move(first));
    while (!is_over) one = std::make_unique<Process>(std::move(*one));
  });
  int seen = 0;
  for (int i = 0; i < 20'000; ++i) seen += static_cast<int>(active_children().size());
  is_over = true;
  mover.join();
  EXPECT_EQ(seen, 20'000);
}

// Two objects that nobody destroys, but static, so that a leak checker finds them: of a daemon,
// whose pid it sends, and of what is done after a while.
void start_for_nobody(Connection& out, std::atomic<int>& done) {
  static auto* const daemon = new Process{run_for_ever, "daemon", true};
  daemon->start();
  out.send(daemon->pid().value());
  static auto* const slow = new Process{[&done] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    done = 1;
  }};
  slow->start();
}

// What Python's interpreter does at its end is done all the same.
TEST(Processes, WaitForTheirChildrenAtTheirEndButTerminateDaemons) {
  const Shared<std::atomic<int>> done(0);
  auto [here, there] = Pipe(false);
  Process child{[&, &out = there] { start_for_nobody(out, *done); }};
  child.start();
  const auto daemon = here.recv<pid_t>();
  EXPECT_EQ(end_of(child), 0);
  EXPECT_EQ(*done, 1);
  EXPECT_EQ(::kill(daemon, 0), -1) << "the daemon lives";
}

TEST(Processes, WaitForTheirChildrenThoughOtherThreadsDestroyTheProcesses) {
  EXPECT_EQ(exitcode_of([] {
              constexpr int kThreads = 20;
              static std::atomic<int> started{0};
              for (int i = 0; i < kThreads; ++i) {
                std::thread([] {
                  Process child([] { usleep(20'000); });
                  child.start();
                  ++started;
                }).detach();
              }
              while (started != kThreads) usleep(100);
            }),
            0);
}

// Of a program that is no Process itself, by exit() or the return from main.
TEST(Processes, AreWaitedForWhenTheProgramExits) {
  const Shared<std::atomic<int>> done(0);
  auto [here, there] = Pipe(false);
  Child program = fork_child([&, &out = there]() -> int {
    start_for_nobody(out, *done);
    std::exit(0);
  });
  const auto daemon = here.recv<pid_t>();
  EXPECT_EQ(program.wait(deadline_of(kHang)), 0);
  EXPECT_EQ(*done, 1);
  EXPECT_EQ(::kill(daemon, 0), -1) << "the daemon lives";
}

// Not so in Python: there it lives on.
TEST(Processes, EndWithTheThreadThatHasStartedThem) {
  auto [here, there] = Pipe(false);
  Process child{[&out = there] {
    out.send("there");
    run_for_ever();
  }};
  std::thread([&child, &in = here] {
    child.start();
    in.recv();
  }).join();
  EXPECT_EQ(end_of(child), -SIGKILL);
}

TEST(Processes, ThatAreDaemonsAreTerminatedByTheirDestructor) {
  const Shared<std::atomic<int>> terminated(0);
  auto [here, there] = Pipe(false);
  static std::atomic<int>* flag;
  {
    Process daemon{[&, &out = there] {
                     flag = &*terminated;
                     signal(SIGTERM, [](int) {
                       *flag = 1;
                       _exit(0);
                     });
                     out.send(true);
                     run_for_ever();
                   },
                   "", true};
    daemon.start();
    EXPECT_TRUE(here.recv<bool>());
  }
  EXPECT_EQ(*terminated, 1);
}

TEST(Processes, ThatAreDaemonsHaveNoChildren) {
  Process daemon{[] {
                   Process child;
                   require(child.daemon(), "it would be a daemon, as its maker");
                   try {
                     child.start();
                   } catch (const StateError&) {
                     throw Exit{3};
                   }
                 },
                 "", true};
  EXPECT_TRUE(daemon.daemon());
  daemon.set_daemon(false);
  daemon.set_daemon(true);
  daemon.start();
  EXPECT_THROW(daemon.set_daemon(false), StateError);
  EXPECT_EQ(end_of(daemon), 3);
}

TEST(Processes, CountTheCpusOfTheMachine) {
  const int before = cpu_count();
  EXPECT_GE(before, 1);
  EXPECT_EQ(exitcode_of([before] {
              pin_to_cpu(allowed_cpus().front());
              require(cpu_count() == before, "also those where it may not run");
            }),
            0);
}

}  // namespace
}  // namespace ipc
