// SPDX-License-Identifier: MIT
// What a Pool does when its user, its tasks or the system do what they should not. Every case
// forks. Longer than most: each fault is a scene of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <stdio_ext.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/mapping.h"
#include "impl/os/stream.h"
#include "impl/os/unique_fd.h"
#include "impl/pipe/pipe.h"
#include "impl/process/pool.h"
#include "impl/process/typed_api_test.h"
#include "impl/queue/queue.h"

namespace ipc {
namespace {

using testing::HasSubstr;

int square(int x) { return x * x; }
std::size_t size_of(const std::string& text) { return text.size(); }
pid_t pid() { return getpid(); }
void sleep_long() { sleep(1000); }
void use(Connection) {}

// In a process of its own, for what it does to itself.
std::optional<int> exitcode_of(std::function<void()> function) {
  Process child{std::move(function)};
  child.start();
  return end_of(child);
}

// Both workers of a pool of two.
std::vector<pid_t> workers_of(Pool& pool) {
  std::vector<pid_t> all;
  for (const Deadline hang = deadline_of(kHang); all.size() < 2;) {
    require(!hang.passed(), "both workers do tasks");
    const std::vector<AsyncResult<pid_t>> two = {pool.apply_async([] {
                                                   usleep(20'000);
                                                   return getpid();
                                                 }),
                                                 pool.apply_async(pid)};
    all = {two[0].get(kHang), two[1].get(kHang)};
    if (all[0] == all[1]) all.clear();
  }
  return all;
}

// That this process may still have, of not too many.
std::vector<UniqueFd> every_descriptor() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 256;
  setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<UniqueFd> all;
  do {
    all.emplace_back(dup(STDIN_FILENO));
  } while (all.back());
  return all;
}

TEST(PoolOfProcesses, IsUsedOnlyByItsMaker) {
  static std::optional<Pool>* the_pool;
  std::optional<Pool> pool;
  the_pool = &pool;
  pool.emplace(1, PoolOptions{.maxtasksperchild = 1});
  pool->apply(pid);  // the next worker is forked from a process that has the pool
  EXPECT_EQ(exitcode_of([&] {
              for (const auto& call : std::vector<std::function<void()>>{
                       [&] { pool->apply(square, 2); }, [&] { pool->map(square, std::vector{2}); },
                       [&] { pool->close(); }, [&] { pool->terminate(); }, [&] { pool->join(); }}) {
                try {
                  call();
                } catch (const StateError&) {
                  continue;
                }
                throw Exit(1);
              }
              pool.reset();
            }),
            0);
  const auto reaching = pool->apply_async([] { (*the_pool)->apply(square, 2); });
  EXPECT_THAT([&] { reaching.get(kHang); },
              testing::ThrowsMessage<TaskError>(HasSubstr("ipc::StateError")));
  EXPECT_EQ(pool->apply_async(square, 3).get(kHang), 9);
}

TEST(PoolOfProcesses, IsTerminatedThoughItWasClosed) {
  for (const bool in_initializer : {true, false}) {
    static Queue<std::string>* unread;
    Queue<std::string> queue(0, "pipe_feeder");
    unread = &queue;
    Pool pool(1, {.initializer = in_initializer ? sleep_long : std::function<void()>()});
    if (!in_initializer) {
      pool.apply([] { unread->put(std::string(1 << 20, 'x')); });
    }
    pool.close();
    usleep(20'000);  // until the pool waits for its worker
    pool.terminate();
    pool.join();
    queue.close();
  }
}

TEST(PoolOfProcesses, IsTerminatedThoughItsWorkersMindNoSigterm) {
  for (const bool blocked : {true, false}) {
    EXPECT_EQ(exitcode_of([blocked] {
                if (blocked) {
                  sigset_t terminate;
                  sigemptyset(&terminate);
                  sigaddset(&terminate, SIGTERM);
                  pthread_sigmask(SIG_BLOCK, &terminate, nullptr);
                } else {
                  signal(SIGTERM, [](int) {});
                }
                Pool pool(1);
                pool.apply(pid);
                pool.apply_async([] {
                  for (;;) pause();
                });
                pool.terminate();
                pool.join();
              }),
              0);
  }
}

// Its user may have blocked nothing: the thread in which callbacks run has.
TEST(PoolOfProcesses, HasCallbacksWhoseProcessesCanBeTerminated) {
  auto [here, there] = Pipe(false);
  std::optional<Process> started;
  Pool pool(1);
  pool.apply_async(square, std::tuple(1),
                   {.callback =
                        [&, &out = there](int) {
                          started
                              .emplace([&] {
                                out.send(true);
                                sleep_long();
                              })
                              .start();
                        }})
      .wait(kHang);
  EXPECT_TRUE(here.recv<bool>());
  started->terminate();
  EXPECT_EQ(end_of(*started), -SIGTERM);
}

TEST(PoolOfProcesses, MayBeUsedInCallbacksButNotJoined) {
  Pool pool(1);
  std::atomic<int> refused = 0;
  std::optional<AsyncResult<int>> next;
  pool.apply_async(square, std::tuple(1),
                   {.callback =
                        [&](int) {
                          next = pool.apply_async(square, 2);
                          pool.close();
                          try {
                            pool.join();
                          } catch (const StateError&) {
                            ++refused;
                          }
                        }})
      .wait(kHang);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(next->get(kHang), 4);
}

TEST(PoolOfProcesses, IsJoinedByManyThreads) {
  Pool pool(1);
  const auto result = pool.apply_async([] { usleep(50'000); });
  pool.close();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      pool.join();
      EXPECT_TRUE(result.ready());
    });
  }
  for (std::thread& thread : threads) thread.join();
  pool.join();
}

// A handle in a task that nobody does would keep the connection open, and its peer waiting.
TEST(PoolOfProcesses, KeepsNoConnectionOfATaskThatIsNotDone) {
  const auto ends = [](const char* how, const auto& lose) {
    auto [here, there] = Pipe();
    lose(there);
    there.close();
    ASSERT_TRUE(here.poll(kHang)) << how;
    EXPECT_THROW(here.recv(), EndOfFile) << how;
  };
  ends("refused", [](const Connection& connection) {
    Pool pool(1);
    pool.close();
    EXPECT_THROW(pool.apply_async(use, connection), ValueError);
  });
  ends("waiting", [](const Connection& connection) {
    Pool pool(1);
    pool.apply_async(sleep_long);
    const auto result = pool.apply_async(use, connection);
    pool.terminate();
    EXPECT_THROW(result.get(kHang), PoolTerminated);
  });
  ends("killed", [](const Connection& connection) {
    Pool pool(1);
    const pid_t worker = pool.apply(pid);
    kill(worker, SIGSTOP);
    const auto result = pool.apply_async(use, connection);
    kill(worker, SIGKILL);
    EXPECT_THROW(result.get(kHang), WorkerDied);
    pool.terminate();
    pool.join();
  });
}

TEST(PoolOfProcesses, GoesOnWithoutAWorkerThatIsStopped) {
  Pool pool(2);
  const std::string large(3'000'000, 'x');
  const pid_t stopped = workers_of(pool).front();
  kill(stopped, SIGSTOP);
  std::vector<AsyncResult<std::size_t>> results;
  for (int i = 0; i < 10; ++i) results.push_back(pool.apply_async(size_of, large));
  const auto count = [&] {
    return std::ranges::count_if(results, [](const auto& result) { return result.ready(); });
  };
  for (const Deadline hang = deadline_of(kHang); count() < 9 && !hang.passed();) usleep(1000);
  EXPECT_EQ(count(), 9) << "the stopped one has the tenth, or a part of it";
  kill(stopped, SIGCONT);
  for (const auto& result : results) EXPECT_EQ(result.get(kHang), large.size());

  kill(stopped, SIGSTOP);
  results.assign(2, pool.apply_async(size_of, large));
  for (auto& result : results) result = pool.apply_async(size_of, large);
  pool.terminate();
  pool.join();
}

// The rest of the result will never come, and nor will the end of the socket.
TEST(PoolOfProcesses, NoticesAKillThoughAnotherHoldsTheSocket) {
  const Shared<std::atomic<pid_t>> holder(0);
  static std::atomic<pid_t>* the_holder;
  the_holder = &*holder;
  Pool pool(1);
  const auto lost = pool.apply_async([] {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      sleep_long();
    }
    *the_holder = child;
    raise(SIGKILL);
  });
  EXPECT_THROW(lost.get(kHang), WorkerDied);
  ASSERT_GT(holder->load(), 0);
  const auto next = pool.apply_async(square, 3);
  next.wait(kHang);
  kill(holder->load(), SIGKILL);
  EXPECT_EQ(next.get(0), 9);
}

// Both copies return from it, and only one of them is the worker.
TEST(PoolOfProcesses, HasOneResultOfATaskThatForks) {
  Pool pool(1);
  const std::string large(3'000'000, 'x');
  for (int i = 0; i < 5; ++i) {
    const auto forked = pool.apply_async([] {
      fork();
      return getpid();
    });
    const auto next = pool.apply_async(size_of, large);
    EXPECT_GT(forked.get(kHang), 0);
    EXPECT_EQ(next.get(kHang), large.size());
  }
}

// Its workers are forked in a thread whose maker, the callback's, takes no signals.
TEST(PoolOfProcesses, HasWorkersThatTakeSignalsThoughACallbackMadeIt) {
  Pool pool(1);
  std::optional<Pool> inner;
  pool.apply_async(square, std::tuple(1), {.callback = [&](int) { inner.emplace(1); }}).wait(kHang);
  EXPECT_FALSE(inner->apply([] {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    return sigismember(&blocked, SIGTERM) != 0;
  }));
}

// What waits for who reads the output is the program's, not the pool's.
TEST(PoolOfProcesses, ReplacesWorkersThoughNobodyReadsItsOutput) {
  EXPECT_EQ(exitcode_of([] {
              auto [unread, output] = make_pipe(4096);
              Pool pool(1);
              std::fflush(stdout);
              dup2(output.get(), STDOUT_FILENO);
              static std::array<char, 1 << 20> buffer;
              setvbuf(stdout, buffer.data(), _IOFBF, buffer.size());
              std::fputs(std::string(100'000, 'x').c_str(), stdout);
              const pid_t first = pool.apply(pid);
              kill(first, SIGKILL);
              while (kill(first, 0) == 0) usleep(1000);
              require(pool.apply_async(square, 3).get(kHang) == 9, "there is another");
              pool.terminate();
              pool.join();
              __fpurge(stdout);
            }),
            0);
}

TEST(PoolOfProcesses, SaysInTheResultWhatCannotBeCarried) {
  Pool pool(1);
  const std::string bad = "\xff";
  std::atomic<int> errors = 0;
  const auto result = pool.apply_async(
      size_of, std::tuple(bad), {.error_callback = [&](const std::exception_ptr&) { ++errors; }});
  EXPECT_THAT([&] { result.get(kHang); },
              testing::ThrowsMessage<ValueError>(HasSubstr("not UTF-8")));
  EXPECT_EQ(errors, 1);
  EXPECT_THROW(pool.map(size_of, std::vector{std::string("good"), bad}), ValueError);
  const auto all = pool.imap(size_of, std::vector{bad, std::string("good")});
  EXPECT_THROW(all.next(kHang), ValueError);
  EXPECT_EQ(all.next(kHang), 4u);

  const auto thrown = pool.apply_async([] { throw std::runtime_error("caf\xe9 \xff!"); });
  EXPECT_THAT([&] { thrown.get(kHang); },
              testing::ThrowsMessage<TaskError>("std::runtime_error: caf\uFFFD \uFFFD!"));
  EXPECT_EQ(pool.apply_async(square, 3).get(kHang), 9) << "the same worker goes on";
}

// By hand, for what is too large by the limit fills 2 GiB.
TEST(TasksOfProcesses, GiveAnErrorForAResultThatIsTooLarge) {
  const detail::Bytes task =
      detail::make_task({detail::run_call<std::string (*)(), std::tuple<>>,
                         detail::word_of(+[] { return std::string(100, 'x'); })},
                        std::tuple<>());
  EXPECT_EQ(detail::decoded<std::string>(detail::run_task(task)).size(), 100u);
  EXPECT_THAT([&] { detail::decoded<std::string>(detail::run_task(task, 50)); },
              testing::ThrowsMessage<TaskError>(HasSubstr("at most 50")));
  EXPECT_NO_THROW(detail::require_carried(kMaxFrame, {}, "a task"));
  EXPECT_THROW(detail::require_carried(kMaxFrame + 1, {}, "a task"), MessageTooBig);
}

TEST(PoolOfProcesses, OutlivesWorkersThatAreKilledBeforeTheyAreReady) {
  static const Shared<std::atomic<int>> doomed(0);  // so many of the next processes
  EXPECT_EQ(exitcode_of([] {
              pthread_atfork(nullptr, nullptr, [] {
                if (doomed->fetch_sub(1) > 0) raise(SIGKILL);
              });
              *doomed = 5;
              Pool pool(1);
              require(pool.apply_async(square, 3).get(kHang) == 9, "the sixth lives");
              *doomed = 1000;
              kill(pool.apply(pid), SIGKILL);
              std::string why;
              for (int i = 0; i < 2 && !why.ends_with("takes no more tasks"); ++i) {
                try {
                  for (;;) pool.apply_async(square, 3).get(kHang);
                } catch (const WorkerDied& error) {  // at first of the task that the killed one had
                  why = error.what();
                }
              }
              require(why.ends_with("before it was ready: the pool takes no more tasks"), why);
            }),
            0);
}

TEST(PoolOfProcesses, StartsWorkersWhenThereAreDescriptorsAgain) {
  EXPECT_EQ(exitcode_of([] {
              Pool pool(2);
              const pid_t victim = workers_of(pool).front();
              std::vector<UniqueFd> all = every_descriptor();
              kill(victim, SIGKILL);
              while (kill(victim, 0) == 0) usleep(1000);
              for (int i = 0; i < 3; ++i) {
                require(pool.apply_async(square, i).get(kHang) == i * i, "one worker is left");
              }
              all.clear();
              require(workers_of(pool).size() == 2, "there are two again");
            }),
            0);
}

TEST(PoolOfProcesses, TakesNoTasksWhenThereAreNoDescriptorsForAWorker) {
  EXPECT_EQ(exitcode_of([] {
              Pool pool(1);
              const pid_t only = pool.apply(pid);
              const std::vector<UniqueFd> all = every_descriptor();
              kill(only, SIGKILL);
              for (;;) {
                try {
                  pool.apply_async(square, 3).get(kHang);
                } catch (const WorkerDied&) {  // the killed one had it
                } catch (const std::system_error& error) {
                  require(error.code() == std::errc::too_many_files_open, "it says why");
                  return;
                }
              }
            }),
            0);
}

TEST(PoolOfProcesses, IsNotMadeWhenThereAreNotDescriptorsForAllItsWorkers) {
  EXPECT_EQ(exitcode_of([] {
              static std::atomic<int> forks = 0;
              const auto count = [] { ++forks; };
              pthread_atfork(nullptr, count, nullptr);
              std::vector<UniqueFd> all = every_descriptor();
              constexpr std::size_t kFree = 12;
              all.resize(all.size() - kFree);
              try {
                Pool pool(64);
                throw Exit(2);
              } catch (const std::system_error& error) {
                require(error.code() == std::errc::too_many_files_open, "it says why");
              }
              require(forks > 1, "some were started");
              require(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD, "none is left");
              require(every_descriptor().size() == kFree, "nor a descriptor");
            }),
            0);
}

TEST(PoolOfProcesses, FailsChunksOfAnIteratorThatItDoesNotDo) {
  Pool pool(1);
  const auto killed = pool.imap_unordered(
      [](int x) {
        if (x == 1) raise(SIGKILL);
        return x;
      },
      std::vector{0, 1, 2});
  EXPECT_EQ(killed.next(kHang), 0);
  EXPECT_THROW(killed.next(kHang), WorkerDied);
  EXPECT_EQ(killed.next(kHang), 2);

  const auto endless = pool.imap([](int) { sleep_long(); }, std::vector{1, 2});
  std::atomic<int> errors = 0;
  const auto mapped =
      pool.map_async(square, std::vector{1, 2, 3}, 1,
                     {.error_callback = [&](const std::exception_ptr&) { ++errors; }});
  pool.terminate();
  EXPECT_THROW(endless.next(kHang), PoolTerminated);
  EXPECT_THROW(endless.next(kHang), PoolTerminated);
  EXPECT_EQ(endless.next(kHang), std::nullopt);
  EXPECT_THROW(mapped.get(kHang), PoolTerminated);
  EXPECT_EQ(errors, 1);
}

}  // namespace
}  // namespace ipc
