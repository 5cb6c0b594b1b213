// SPDX-License-Identifier: MIT
// What is said of Python's processes, threads and pools, tried here: facts of tools/claims.toml
// that no other test shows as they are worded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <concepts>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "impl/driver/errors.h"
#include "impl/os/mapping.h"
#include "impl/pipe/pipe.h"
#include "impl/process/pool.h"
#include "impl/process/typed_api_test.h"
#include "impl/sync/barrier.h"

namespace ipc {
namespace {

using testing::Property;
using testing::Throws;

// How many of these calls a T takes.
template <class T, class... Calls>
constexpr int count_taken(Calls...) {
  return (0 + ... + int{std::invocable<Calls, T&>});
}
// Of what Python's processes have, threads have the first four there.
template <class T>
constexpr int kMembersOfPython = count_taken<T>([](auto& one) -> decltype(void(one.start())) {},
                                                [](auto& one) -> decltype(void(one.name())) {},
                                                [](auto& one) -> decltype(void(one.daemon())) {},
                                                [](auto& one) -> decltype(void(one.is_alive())) {},
                                                [](auto& one) -> decltype(void(one.exitcode())) {},
                                                [](auto& one) -> decltype(void(one.terminate())) {},
                                                [](auto& one) -> decltype(void(one.kill())) {},
                                                [](auto& one) -> decltype(void(one.pid())) {});

// C21
TEST(FactsOfProcesses, AThreadStartsWhenItIsMadeAndHasNothingOfAProcessButJoin) {
  static_assert(kMembersOfPython<Process> == 8);
  static_assert(kMembersOfPython<std::thread> == 0);
  std::atomic<bool> begun = false;
  std::thread thread([&] { begun = true; });
  for (const Deadline hang = deadline_of(kHang); !begun && !hang.passed();) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(begun);
  thread.join();
  Process process;
  EXPECT_THROW(process.join(), StateError) << "it has not started";
}

int global;

// C25
TEST(FactsOfProcesses, ThreadsShareGlobalVariablesAndProcessesDoNot) {
  global = 1;
  const Shared<std::atomic<int>> shared(0);
  Process child{[&] {
    global = 99;
    ++*shared;
    throw Exit{global};
  }};
  child.start();
  EXPECT_EQ(end_of(child), 99);
  EXPECT_EQ(global, 1);
  std::thread([&] {
    global = 99;
    ++*shared;
  }).join();
  EXPECT_EQ(global, 99);
  EXPECT_EQ(*shared, 2) << "both have it";
}

// C26
TEST(FactsOfProcesses, AQueueOfThreadsAndItsLockAreCopiesInAProcess) {
  std::mutex mutex;
  std::queue<int> items;
  const auto put = [&](int item) {
    const std::lock_guard hold(mutex);
    items.push(item);
  };
  std::thread(put, 1).join();
  ASSERT_FALSE(items.empty());
  EXPECT_EQ(items.front(), 1);
  items.pop();

  auto [here, there] = Pipe(false);
  Running child([&, &out = there] {
    put(2);
    require(items.size() == 1 && items.front() == 2, "it has what it put");
    const std::lock_guard hold(mutex);
    out.send(true);
    for (;;) pause();
  });
  there.close();
  EXPECT_TRUE(here.recv<bool>());
  const std::unique_lock hold(mutex, std::try_to_lock);
  EXPECT_TRUE(hold.owns_lock()) << "the child has one of its own";
  EXPECT_TRUE(items.empty()) << "what the child put stays there";
}

// C30
TEST(FactsOfProcesses, ResultsOfTasksComeThroughGetAfterJoinAsWell) {
  Pool pool(2);
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 5; ++i) {
    results.push_back(pool.apply_async([](int number) { return 2 * number; }, i));
  }
  pool.close();
  pool.join();
  int due = 0;
  for (const AsyncResult<int>& result : results) {
    EXPECT_EQ(result.get(0), due);
    due += 2;
  }
}

// C33, beside what PoolOfProcesses shows of workers.
TEST(FactsOfProcesses, ADaemonDiesWithItsParentThatIsKilled) {
  auto [receiver, sender] = Pipe(false);  // which the daemon holds as well
  Running parent([&out = sender] {
    Process daemon{[&out] {
                     out.send(true);
                     sleep(60);
                   },
                   "", true};
    daemon.start();
    for (;;) pause();
  });
  sender.close();
  EXPECT_TRUE(receiver.recv<bool>());
  EXPECT_FALSE(receiver.poll(kBrief)) << "it lives";
  parent->kill();
  ASSERT_TRUE(receiver.poll(kHang));
  EXPECT_THROW(receiver.recv(), EndOfFile);
}

// C35
TEST(FactsOfProcesses, TasksOfApplyAsyncRunAtTheSameTimeAndThoseOfApplyDoNot) {
  static Barrier* inherited;
  Barrier barrier(2);
  inherited = &barrier;
  const auto meet = [](double seconds) { return inherited->wait(seconds); };
  Pool pool(2);
  const auto one = pool.apply_async(meet, kHang);
  const auto other = pool.apply_async(meet, kHang);
  EXPECT_EQ(one.get(kHang) + other.get(kHang), 1u) << "one came first, 0, and one last, 1";
  for (int i = 0; i < 2; ++i) {  // each is over before the next is given
    EXPECT_THAT([&] { pool.apply(meet, kBrief); },
                Throws<TaskError>(Property(&TaskError::type, "ipc::BrokenBarrier")));
    barrier.reset();
  }
}

}  // namespace
}  // namespace ipc
