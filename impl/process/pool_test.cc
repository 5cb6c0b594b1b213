// SPDX-License-Identifier: MIT
// Pool as Python's multiprocessing.Pool has it, and better where that hangs. Every case forks.
// Longer than most: one case for each promise, over the same few tasks.
#include "impl/process/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <iterator>
#include <list>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "impl/os/mapping.h"
#include "impl/pipe/pipe.h"
#include "impl/process/typed_api_test.h"
#include "impl/queue/queue.h"
#include "impl/shared/array.h"
#include "impl/shared/value.h"
#include "impl/sync/barrier.h"
#include "impl/sync/condition.h"
#include "impl/sync/event.h"
#include "impl/sync/lock.h"
#include "impl/sync/semaphore.h"

namespace ipc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

int square(int x) { return x * x; }
std::string joined(const std::string& a, const std::string& b) { return a + b; }
int refuse(int x) {
  if (x % 2 == 1) throw std::invalid_argument("odd: " + std::to_string(x));
  return x;
}
pid_t pid() { return getpid(); }
int slow(int x) {
  std::this_thread::sleep_for(std::chrono::milliseconds(x));
  return x;
}
[[noreturn]] int die(int number) {
  raise(number);
  for (;;) pause();
}

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(PoolOfProcesses, AppliesAFunctionInAnotherProcess) {
  Pool pool(2);
  EXPECT_EQ(pool.apply(square, 7), 49);
  EXPECT_EQ(pool.apply(joined, "a", std::string("b")), "ab");
  EXPECT_EQ(pool.apply([](double x, int n) { return x * n; }, 1.5, 2), 3.0);
  EXPECT_NE(pool.apply(pid), getpid());
  pool.apply([] {});
}

TEST(PoolOfProcesses, DoesWhatProcessesByHandDo) {
  const std::vector<int> by_pool = Pool(4).map(square, numbers(10));
  SimpleQueue<std::pair<int, int>> results;  // by hand, results take a way of their own
  std::list<Running> processes;
  for (const int n : numbers(10)) {
    processes.emplace_back([&results, n] { results.put({n, square(n)}); });
  }
  std::vector<int> by_hand(10);
  for (std::size_t i = 0; i < by_hand.size(); ++i) {
    const auto [n, result] = results.get();
    by_hand.at(static_cast<std::size_t>(n)) = result;
  }
  for (Running& process : processes) EXPECT_EQ(end_of(*process), 0);
  EXPECT_EQ(by_hand, by_pool);
}

TEST(PoolOfProcesses, GivesLargeArgumentsAndResultsWhole) {
  Pool pool(2);
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(pool.apply(joined, large, large).size(), 2 * large.size());
}

TEST(PoolOfProcesses, HasAsManyWorkersAsAskedFor) {
  Pool pool(3);
  EXPECT_EQ(pool.processes(), 3);
  std::set<pid_t> seen;
  for (const Deadline hang = deadline_of(kHang); seen.size() < 3 && !hang.passed();) {
    for (const pid_t worker : pool.map(
             [](int) {
               slow(2);
               return getpid();
             },
             numbers(12), 1)) {
      seen.insert(worker);
    }
  }
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(Pool().processes(), cpu_count());
  EXPECT_THROW(Pool(0), ValueError);
  EXPECT_THROW(Pool(1, {.maxtasksperchild = 0}), ValueError);
}

TEST(PoolOfProcesses, DoesNotWaitForAnAsyncResult) {
  Pool pool(1);
  const AsyncResult<int> late = pool.apply_async(slow, 200);
  const AsyncResult<int> next = pool.apply_async(square, 3);
  EXPECT_THROW(late.successful(), ValueError);
  EXPECT_THROW(next.get(0), TimeoutError);
  EXPECT_EQ(next.get(kHang), 9);
  EXPECT_TRUE(late.ready());
  EXPECT_TRUE(late.successful());
  EXPECT_EQ(late.get(), 200);
  EXPECT_EQ(late.get(), 200) << "again";
}

TEST(PoolOfProcesses, GivesBackTypeAndTextOfWhatATaskThrew) {
  Pool pool(1);
  const AsyncResult<int> result = pool.apply_async(refuse, 3);
  for (int i = 0; i < 2; ++i) {
    try {
      result.get(kHang);
      FAIL() << "no error";
    } catch (const TaskError& error) {
      EXPECT_EQ(error.type(), "std::invalid_argument");
      EXPECT_STREQ(error.what(), "std::invalid_argument: odd: 3");
    }
  }
  EXPECT_FALSE(result.successful());
  EXPECT_EQ(pool.apply(refuse, 4), 4) << "the worker goes on";
  EXPECT_THROW(pool.apply([] { throw 42; }), TaskError);
}

TEST(PoolOfProcesses, CallsBackInThisProcessBeforeTheResultIsThere) {
  Pool pool(2);
  std::atomic<int> values = 0, errors = 0;
  std::atomic<pid_t> where = 0;
  const Callbacks<int> callbacks = {.callback =
                                        [&](int value) {
                                          values += value;
                                          where = getpid();
                                        },
                                    .error_callback = [&](const std::exception_ptr&) { ++errors; }};
  pool.apply_async(refuse, std::tuple(4), callbacks).wait();
  EXPECT_EQ(values, 4);
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(where, getpid());
  pool.apply_async(refuse, std::tuple(5), callbacks).wait();
  EXPECT_EQ(values, 4);
  EXPECT_EQ(errors, 1);
}

TEST(PoolOfProcesses, RefusesArgumentsThatOnlyAForkPassesOn) {
  const auto put = [](Queue<int>& queue, int item) { queue.put(item); };
  constexpr const char* kWords =
      "Queue objects should only be shared between processes through inheritance";
  Queue<int> queue;
  Pool pool(1);
  const auto result = pool.apply_async(put, queue, 3);
  EXPECT_THAT([&] { result.get(); }, testing::ThrowsMessage<InheritanceError>(kWords));
  EXPECT_THROW(pool.apply([](const Value<int>& value) { return value.value(); }, Value<int>(3)),
               InheritanceError);

  std::string error;
  const auto tell = [&](const std::exception_ptr& given) {
    try {
      std::rethrow_exception(given);
    } catch (const InheritanceError& caught) {
      error = caught.what();
    }
  };
  int four = 4;
  pool.apply_async(put, std::tie(queue, four), {.error_callback = tell}).wait();
  EXPECT_EQ(error, kWords);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

// What passing it to a task says, which fails before a worker sees it.
template <class One>
std::string refusal_of(Pool& pool, One& one) {
  try {
    pool.apply([](One&) {}, one);
  } catch (const InheritanceError& caught) {
    return caught.what();
  }
  return "";
}

TEST(PoolOfProcesses, RefusesEachClassThatOnlyAForkPassesOnByItsName) {
  Pool pool(1);
  const auto expect_refused = [&pool](const std::string& name, auto&& one) {
    EXPECT_EQ(refusal_of(pool, one),
              name + " objects should only be shared between processes through inheritance");
  };
  expect_refused("Queue", Queue<int>(1));
  expect_refused("JoinableQueue", JoinableQueue<int>(1));
  expect_refused("SimpleQueue", SimpleQueue<int>());
  expect_refused("Value", Value<int>(1));
  expect_refused("RawValue", RawValue<int>(1));
  expect_refused("Array", Array<int>(1));
  expect_refused("RawArray", RawArray<int>(1));
  expect_refused("Lock", Lock());
  expect_refused("RLock", RLock());
  expect_refused("Semaphore", Semaphore(1));
  expect_refused("BoundedSemaphore", BoundedSemaphore(1));
  expect_refused("Condition", Condition());
  expect_refused("Event", Event());
  expect_refused("Barrier", Barrier(1));
}

TEST(PoolOfProcesses, CanUseWhatWasThereBefore) {
  static Queue<int>* inherited;
  Queue<int> queue;
  {
    Pool pool(2, {.initializer = [&] { inherited = &queue; }});
    pool.apply([](int item) { inherited->put(item); }, 5);
    EXPECT_EQ(queue.get(true, kHang), 5);
  }
  inherited = &queue;
  Pool pool(2);
  pool.apply([](int item) { inherited->put(item); }, 6);
  EXPECT_EQ(queue.get(true, kHang), 6);
}

// CPython's results never come any more then.
TEST(PoolOfProcesses, GoesOnAfterACallbackThrew) {
  Pool pool(1);
  const auto unlucky = [](const auto&) { throw std::runtime_error("no such luck"); };
  const auto with_words = [](const auto& begin) {
    testing::internal::CaptureStderr();
    const auto result = begin();
    result.wait(kHang);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("no such luck"));
    return result;
  };
  const auto value =
      with_words([&] { return pool.apply_async(square, std::tuple(2), {.callback = unlucky}); });
  EXPECT_EQ(value.get(0), 4);
  const auto error = with_words(
      [&] { return pool.apply_async(refuse, std::tuple(1), {.error_callback = unlucky}); });
  EXPECT_THROW(error.get(0), TaskError);
  const auto values =
      with_words([&] { return pool.map_async(square, numbers(3), 1, {.callback = unlucky}); });
  EXPECT_THAT(values.get(0), ElementsAre(0, 1, 4));
  const auto first_error = with_words(
      [&] { return pool.map_async(refuse, numbers(3), 1, {.error_callback = unlucky}); });
  EXPECT_THROW(first_error.get(0), TaskError);
  EXPECT_EQ(pool.apply_async(square, 3).get(kHang), 9);
}

TEST(PoolOfProcesses, MapsInTheOrderOfTheItems) {
  Pool pool(2);
  EXPECT_THAT(pool.map(square, numbers(5)), ElementsAre(0, 1, 4, 9, 16));
  EXPECT_THAT(pool.map(square, numbers(5), 2), ElementsAre(0, 1, 4, 9, 16));
  EXPECT_THAT(pool.map(square, numbers(5), 100), ElementsAre(0, 1, 4, 9, 16));
  EXPECT_THAT(pool.map(square, numbers(0)), ElementsAre());
  EXPECT_EQ(pool.map(square, numbers(1000)).back(), 999 * 999);
  EXPECT_THAT(pool.starmap(joined, std::vector<std::tuple<std::string, std::string>>{{"a", "b"},
                                                                                     {"c", "d"}}),
              ElementsAre("ab", "cd"));
  EXPECT_THROW(pool.map(square, numbers(3), 0), ValueError);
}

TEST(PoolOfProcesses, MapsWhatAFunctionOfNothingTakes) {
  const Shared<std::atomic<int>> sum(0);
  static std::atomic<int>* the_sum;
  the_sum = &*sum;
  const auto add = [](int x) { *the_sum += x; };
  Pool pool(2);
  pool.map(add, numbers(10));
  EXPECT_EQ(*sum, 45);
  pool.starmap([](int x, int y) { *the_sum += x * y; }, std::vector<std::tuple<int, int>>{{2, 3}});
  EXPECT_EQ(*sum, 51);
  int count = 0;
  for ([[maybe_unused]] const std::monostate nothing : pool.imap(add, numbers(10), 3)) ++count;
  EXPECT_EQ(count, 10);
  EXPECT_EQ(*sum, 96);
  EXPECT_THROW(pool.map([](int x) { static_cast<void>(refuse(x)); }, numbers(3)), TaskError);
}

struct ReadOnce {  // as a view of a stream has it
  std::istringstream words{"1 2 3"};
  std::istream_iterator<int> begin() { return std::istream_iterator<int>(words); }
  std::istream_iterator<int> end() { return {}; }
};

TEST(PoolOfProcesses, MapsAnyRange) {
  Pool pool(2);
  EXPECT_THAT(pool.map(square, ReadOnce()), ElementsAre(1, 4, 9));
  EXPECT_EQ(pool.imap(square, ReadOnce()).next(kHang), 1);
  EXPECT_THAT(pool.map(square, std::list{3, 4}), ElementsAre(9, 16));
  EXPECT_THAT(pool.starmap(joined, std::vector{std::tuple("a", "b")}), ElementsAre("ab"));

  auto [here, there] = Pipe();
  std::vector<std::tuple<Connection, int>> items;
  items.emplace_back(std::move(there), 7);
  pool.starmap([](Connection connection, int x) { connection.send(x); }, items);
  EXPECT_EQ(here.recv<int>(), 7);
}

// CPython's imap reads it in a thread, and raises where its result would come.
TEST(PoolOfProcesses, DoesNothingOfARangeThatThrows) {
  const Shared<std::atomic<int>> done(0);
  static std::atomic<int>* the_done;
  the_done = &*done;
  const auto count = [](int) { ++*the_done; };
  const auto broken = [] {
    ReadOnce items;
    items.words.exceptions(std::ios::failbit);  // after the last one
    return items;
  };
  Pool pool(1);
  EXPECT_THROW(pool.imap(count, broken()), std::ios::failure);
  EXPECT_THROW(pool.imap_unordered(count, broken()), std::ios::failure);
  EXPECT_THROW(pool.map(count, broken()), std::ios::failure);
  EXPECT_EQ(pool.apply_async(square, 3).get(kHang), 9);
  EXPECT_EQ(*done, 0) << "tasks begin in the order in which they were given";
}

TEST(PoolOfProcesses, CallsBackOnceForAMap) {
  Pool pool(2);
  std::vector<std::vector<int>> given;  // by the pool's thread, before the result
  int errors = 0;
  const Callbacks<std::vector<int>> callbacks = {
      .callback = [&](const std::vector<int>& values) { given.push_back(values); },
      .error_callback = [&](const std::exception_ptr&) { ++errors; }};
  pool.map_async(square, numbers(4), 1, callbacks).wait(kHang);
  const auto plus = [](int x, int y) { return x + y; };
  pool.starmap_async(plus, std::vector<std::tuple<int, int>>{{1, 2}, {3, 4}}, 1, callbacks)
      .wait(kHang);
  pool.map_async(refuse, std::vector{1, 3, 5}, 1, callbacks).wait(kHang);
  EXPECT_THAT(given, ElementsAre(ElementsAre(0, 1, 4, 9), ElementsAre(3, 7)));
  EXPECT_EQ(errors, 1);
}

TEST(PoolOfProcesses, FailsAMapAfterAllItsChunksAreDone) {
  const Shared<std::atomic<int>> done(0);
  static std::atomic<int>* counter;
  counter = &*done;
  Pool pool(2);
  const auto count = [](int x) {
    if (x == 0) throw std::runtime_error("the first");
    slow(5);
    return counter->fetch_add(1);
  };
  const auto result = pool.map_async(count, numbers(10), 1);
  EXPECT_THROW(result.get(kHang), TaskError);
  EXPECT_EQ(*done, 9);
}

TEST(PoolOfProcesses, GivesResultsWhileOthersAreStillToCome) {
  Pool pool(2);
  const auto ordered = pool.imap(slow, std::vector{500, 1, 1});
  EXPECT_THROW(ordered.next(0), TimeoutError);
  EXPECT_EQ(ordered.next(kHang), 500);
  EXPECT_EQ(ordered.next(kHang), 1);
  EXPECT_EQ(ordered.next(kHang), 1);
  EXPECT_EQ(ordered.next(kHang), std::nullopt);
  std::vector<int> all;
  for (const int x : pool.imap_unordered(slow, std::vector{500, 1, 2})) all.push_back(x);
  EXPECT_THAT(all, testing::UnorderedElementsAre(500, 1, 2));
  EXPECT_EQ(all.back(), 500);
  const auto failing = pool.imap(refuse, std::vector{0, 1, 2});
  EXPECT_EQ(failing.next(kHang), 0);
  EXPECT_THROW(failing.next(kHang), TaskError);
  EXPECT_EQ(failing.next(kHang), 2);
}

TEST(PoolOfProcesses, GivesResultsOfChunksOneByOne) {
  Pool pool(2);
  std::vector<int> all;
  for (const int x : pool.imap(square, numbers(10), 4)) all.push_back(x);
  EXPECT_THAT(all, ElementsAre(0, 1, 4, 9, 16, 25, 36, 49, 64, 81));
  all.clear();
  for (const int x : pool.imap_unordered(slow, std::vector{500, 500, 1, 2}, 2)) all.push_back(x);
  EXPECT_THAT(all, ElementsAre(1, 2, 500, 500));
  EXPECT_EQ(pool.imap(square, std::vector<int>(), 4).next(kHang), std::nullopt);

  const auto failing = pool.imap(refuse, std::vector{0, 2, 3, 4, 6}, 2);
  EXPECT_EQ(failing.next(kHang), 0);
  EXPECT_EQ(failing.next(kHang), 2);
  EXPECT_THROW(failing.next(kHang), TaskError) << "the chunk of 3 and 4";
  EXPECT_EQ(failing.next(kHang), 6);
  EXPECT_EQ(failing.next(kHang), std::nullopt);
  EXPECT_THROW(pool.imap(square, numbers(3), 0), ValueError);

  const auto odd = pool.imap([](int x) { return x % 2 == 1; }, numbers(3), 2);
  EXPECT_EQ(odd.next(kHang), false);
  EXPECT_EQ(odd.next(kHang), true);
  EXPECT_EQ(odd.next(kHang), false);
}

TEST(PoolOfProcesses, DoesWhatItHasAfterItWasClosed) {
  Pool pool(2);
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 20; ++i) results.push_back(pool.apply_async(slow, 3));
  EXPECT_THROW(pool.join(), ValueError);
  pool.close();
  pool.close();
  EXPECT_THROW(pool.apply_async(square, 1), ValueError);
  EXPECT_THROW(pool.map(square, numbers(3)), ValueError);
  pool.join();
  for (const auto& result : results) EXPECT_TRUE(result.ready());
}

TEST(PoolOfProcesses, TerminatesAtOnceAndSaysSo) {
  Pool pool(1);
  const pid_t worker = pool.apply(pid);
  const auto running = pool.apply_async(slow, 100'000);
  std::vector<AsyncResult<int>> waiting;
  for (int i = 0; i < 1000; ++i) waiting.push_back(pool.apply_async(square, i));
  pool.terminate();
  pool.join();
  EXPECT_THROW(running.get(kHang), PoolTerminated);
  for (const auto& result : waiting) EXPECT_THROW(result.get(kHang), PoolTerminated);
  EXPECT_EQ(kill(worker, 0), -1) << "the worker lives";
  EXPECT_THROW(pool.apply_async(square, 1), ValueError);
}

// CPython waits for ever for a result that was lost.
TEST(PoolOfProcesses, LosesNothingToAKillButTheTaskInHand) {
  Pool pool(2);
  for (const int number : {SIGKILL, SIGTERM}) {
    const auto lost = pool.apply_async(die, number);
    try {
      lost.get(kHang);
      FAIL() << "no error";
    } catch (const WorkerDied& error) {
      EXPECT_THAT(error.what(), HasSubstr("killed by signal " + std::to_string(number)));
    }
  }
  EXPECT_THAT(pool.map(square, numbers(20), 1), testing::SizeIs(20));
  for (int i = 0; i < 4; ++i) {  // while it waits
    const pid_t idle = pool.apply(pid);
    kill(idle, SIGKILL);
    for (const Deadline hang = deadline_of(kHang); kill(idle, 0) == 0 && !hang.passed();) {
      std::this_thread::yield();  // until the pool has seen it
    }
  }
  EXPECT_THAT(pool.map(square, numbers(20), 1), testing::SizeIs(20));
  EXPECT_THROW(pool.apply([]() -> int { throw Exit(3); }), WorkerDied);
  pool.close();
  pool.join();
}

// Who gives a task may meet a worker that is ending, is being replaced, or answers at once.
TEST(PoolOfProcesses, IsGivenTasksByManyThreadsWhileItsWorkersAreKilledAndReplaced) {
  for (const std::optional<int> most : {std::optional<int>(), std::optional<int>(3)}) {
    Pool pool(2, {.maxtasksperchild = most});
    std::atomic<int> answered = 0;
    std::atomic<int> lost = 0;
    constexpr int kThreads = 4;
    constexpr int kCalls = 50;
    std::atomic<int> left = kThreads * kCalls;
    const std::string large(20'000, 'x');  // of each five: the pool's thread gives it
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int call = 0; call < kCalls; ++call) {
          try {
            if (call % 5 == 0) {
              EXPECT_EQ(pool.apply_async(joined, large, "y").get(kHang).size(), large.size() + 1);
            } else {
              EXPECT_EQ(pool.apply_async(square, call).get(kHang), call * call);
            }
            ++answered;
          } catch (const WorkerDied&) {
            ++lost;
          } catch (const std::exception& error) {
            ADD_FAILURE() << error.what();
          }
          --left;
        }
      });
    }
    int killed = 0;
    while (left > 0) {
      const AsyncResult<pid_t> victim = pool.apply_async(pid);
      victim.wait(kHang);
      if (victim.ready() && victim.successful()) {
        ++killed;
        kill(victim.get(), SIGKILL);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    for (std::thread& thread : threads) thread.join();
    AsyncResult<int> last = pool.apply_async(square, 3);
    last.wait(kHang);
    if (!last.successful()) {  // the last one that was killed had no task yet
      ++lost;
      last = pool.apply_async(square, 3);
    }
    EXPECT_EQ(last.get(kHang), 9);
    EXPECT_LE(lost.load(), killed) << "a kill costs one task";
    EXPECT_GT(answered.load(), kThreads * kCalls / 2);
    pool.close();
    pool.join();
  }
}

TEST(PoolOfProcesses, ReplacesWorkersAfterTheirTasks) {
  Pool pool(1, {.maxtasksperchild = 2});
  std::vector<pid_t> workers;
  for (int i = 0; i < 6; ++i) workers.push_back(pool.apply(pid));
  EXPECT_EQ(workers[0], workers[1]);
  EXPECT_NE(workers[1], workers[2]);
  EXPECT_EQ(workers[2], workers[3]);
  EXPECT_EQ(std::set<pid_t>(workers.begin(), workers.end()).size(), 3u);
  const std::vector<pid_t> of_chunks = pool.map([](int) { return getpid(); }, numbers(8), 2);
  EXPECT_EQ(of_chunks[0], of_chunks[3]) << "a chunk counts as one task";
  EXPECT_NE(of_chunks[3], of_chunks[4]);
  EXPECT_EQ(of_chunks[4], of_chunks[7]);
}

TEST(PoolOfProcesses, InitializesEachWorkerFirst) {
  static int set = 0;
  Pool pool(2, {.initializer = [] { set = 7; }});
  EXPECT_EQ(pool.apply([] { return set; }), 7);
  EXPECT_EQ(set, 0);
}

// CPython starts workers that die for ever.
TEST(PoolOfProcesses, TakesNoTasksWhenItsInitializerThrows) {
  testing::internal::CaptureStderr();
  Pool pool(1, {.initializer = [] { throw std::runtime_error("not today"); }});
  EXPECT_THROW(
      {
        for (const Deadline hang = deadline_of(kHang); !hang.passed();) pool.apply(square, 1);
      },
      WorkerDied);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("not today"));
  pool.close();
  pool.join();
}

TEST(PoolOfProcesses, HasWorkersThatAreDaemonsWithNames) {
  Pool pool(1);
  EXPECT_THAT(pool.apply([] { return current_process().name; }), "ForkPoolWorker-1");
  EXPECT_TRUE(pool.apply([] { return current_process().daemon; }));
  try {
    pool.apply([] {
      Process child;
      child.start();
    });
    FAIL() << "no error";
  } catch (const TaskError& error) {
    EXPECT_EQ(error.type(), "ipc::StateError");
  }
  EXPECT_THAT(active_children(), testing::IsEmpty());
}

TEST(PoolOfProcesses, LeavesNoProcessAndNothingDone) {
  static std::atomic<int>* done;
  const Shared<std::atomic<int>> counter(0);
  done = &*counter;
  pid_t worker;
  {
    Pool pool(1);
    worker = pool.apply(pid);
    for (int i = 0; i < 5; ++i) {
      pool.apply_async(
          [](int ms) {
            slow(ms);
            ++*done;
          },
          5'000);
    }
  }
  EXPECT_EQ(kill(worker, 0), -1);
  EXPECT_EQ(*counter, 0);
}

TEST(PoolOfProcesses, LosesItsWorkersWhenItsProcessIsKilled) {
  auto [receiver, sender] = Pipe(false);  // which the workers hold as well
  Running owner([&out = sender] {
    Pool pool(2);
    pool.apply_async(slow, 100'000);
    pool.apply(pid);  // by the other one, which is idle then
    out.send("both are there");
    for (;;) pause();
  });
  sender.close();
  EXPECT_EQ(receiver.recv(), "both are there");
  owner->kill();
  ASSERT_TRUE(receiver.poll(kHang));
  EXPECT_THROW(receiver.recv(), EndOfFile);
}

}  // namespace
}  // namespace ipc
