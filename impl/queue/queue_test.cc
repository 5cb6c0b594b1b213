// SPDX-License-Identifier: MIT
// Queue, JoinableQueue and SimpleQueue within one process and between its threads, over every
// backend: what Python's do. No case forks. Longer than most: one case for each promise.
#include "impl/queue/queue.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "impl/os/deadline.h"
#include "impl/process/typed_api_test.h"

namespace ipc {
namespace {

class QueueUse : public testing::TestWithParam<std::string> {
 protected:
  const Traits& traits() const { return QueueRegistry::get(GetParam()).traits; }
};
using QueueThreads = QueueUse;

INSTANTIATE_TEST_SUITE_P(Backends, QueueUse, testing::ValuesIn(usable_backends<QueueRegistry>()),
                         backend_name);
INSTANTIATE_TEST_SUITE_P(Backends, QueueThreads,
                         testing::ValuesIn(usable_backends<QueueRegistry>()), backend_name);

constexpr double kLong = 1e6;  // seconds: a wait for so long would show as a hang

TEST_P(QueueUse, GivesWhatWasPutInOrder) {
  Queue<int> queue(0, GetParam());
  std::thread putter([&] {
    for (int i = 0; i < 1000; ++i) queue.put(i);
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(queue.get(true, kHang), i);
  putter.join();
}

TEST_P(QueueUse, CarriesObjectsOfEveryKind) {
  Queue queue(0, GetParam());
  const Object objects[] = {42, Object(), "范冰冰", Object::list({1, Object::bytes("\xff")}),
                            Object::dict({{1, "1"}, {"2", 2}})};
  for (const Object& object : objects) queue.put(object);
  for (const Object& object : objects) EXPECT_EQ(repr(queue.get()), repr(object));
}

// The walk through a queue of five in the study notes.
TEST_P(QueueUse, IsFullAfterMaxsizeItemsAndEmptyAfterAsManyGets) {
  Queue<std::string> queue(5, GetParam());
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.full());
  for (std::uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(queue.qsize(), i);
    EXPECT_FALSE(queue.full());
    queue.put("item");
  }
  EXPECT_EQ(queue.qsize(), 5u);  // at once, wherever the items are
  EXPECT_TRUE(queue.full());
  EXPECT_THROW(queue.put_nowait("more"), Full);
  EXPECT_THROW(queue.put("more", true, 0.02), Full);
  EXPECT_EQ(queue.qsize(), 5u);
  for (std::uint32_t i = 5; i > 0; --i) {
    EXPECT_EQ(queue.qsize(), i);
    EXPECT_EQ(queue.get(true, kHang), "item");
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.qsize(), 0u);
  EXPECT_THROW(queue.get_nowait(), Empty);
}

TEST_P(QueueUse, SaysFullInTime) {
  Queue<int> queue(1, GetParam());
  queue.put(1);
  EXPECT_THROW(queue.put(2, false), Full);
  EXPECT_THROW(queue.put(2, false, kLong), Full);  // without block the timeout does not count
  EXPECT_THROW(queue.put(2, true, 0), Full);
  EXPECT_THROW(queue.put(2, true, -1), Full);
  const Deadline due = Deadline::after(std::chrono::milliseconds(20));
  EXPECT_THROW(queue.put(2, true, 0.02), Full);
  EXPECT_TRUE(due.passed());
  EXPECT_EQ(queue.get(true, kHang), 1);
  queue.put(3, true, kHang);
  EXPECT_EQ(queue.get(true, kHang), 3);
}

TEST_P(QueueUse, SaysEmptyInTime) {
  Queue<int> queue(1, GetParam());
  EXPECT_THROW(queue.get_nowait(), Empty);
  EXPECT_THROW(queue.get(false, kLong), Empty);
  EXPECT_THROW(queue.get(true, 0), Empty);
  EXPECT_THROW(queue.get(true, -1), Empty);
  const Deadline due = Deadline::after(std::chrono::milliseconds(20));
  EXPECT_THROW(queue.get(true, 0.02), Empty);
  EXPECT_TRUE(due.passed());
  queue.put(1);
  EXPECT_EQ(queue.get(true, kHang), 1);
}

TEST_P(QueueUse, IsNeverFullWithoutAMaxsize) {
  for (const int maxsize : {0, -1}) {
    Queue<int> queue(maxsize, GetParam());
    int items = 0;
    try {
      for (; items < 100; ++items) queue.put_nowait(items);
    } catch (const Full&) {  // its transport is, not the queue
    }
    EXPECT_GE(items, traits().counts_items ? 100 : 1);
    EXPECT_EQ(queue.qsize(), static_cast<std::uint32_t>(items));
    EXPECT_FALSE(queue.full());
    for (int i = 0; i < items; ++i) EXPECT_EQ(queue.get(true, kHang), i);
  }
}

TEST_P(QueueUse, EncodesInPut) {
  Queue<std::vector<int>> queue(1, GetParam());
  std::vector<int> item = {1, 2};
  queue.put(item);
  item[0] = 99;
  EXPECT_EQ(queue.get(true, kHang), (std::vector<int>{1, 2}));
}

TEST_P(QueueUse, PutsNothingOfWhatCannotBeEncoded) {
  Queue<std::string> queue(1, GetParam());
  EXPECT_THROW(queue.put("\xff"), ValueError);
  EXPECT_EQ(queue.qsize(), 0u);
  queue.put("good");
  EXPECT_EQ(queue.get(true, kHang), "good");
}

TEST_P(QueueUse, LosesOnlyTheItemThatCannotBeDecoded) {
  QueueCore core(GetParam(), 2);
  core.put(std::as_bytes(std::span("\xc1", 1)), Deadline::never());
  core.put(std::as_bytes(std::span("\x07", 1)), Deadline::never());
  EXPECT_THROW(decode<int>(core.get(Deadline::never()).bytes()), DecodeError);
  EXPECT_EQ(core.size(), 1u);
  EXPECT_EQ(decode<int>(core.get(Deadline::never()).bytes()), 7);
}

TEST_P(QueueUse, SaysThatAnItemIsTooBigAndPutsNothing) {
  QueueCore core(GetParam(), 1, Tasks::counted);
  const std::size_t size = traits().max_message + 1;
  // Only the length counts: the memory is never touched.
  void* const memory =
      mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_THROW(core.put(std::span(static_cast<std::byte*>(memory), size), Deadline::never()),
               MessageTooBig);
  munmap(memory, size);
  EXPECT_EQ(core.size(), 0u);
  EXPECT_THROW(core.task_done(), ValueError);
}

TEST_P(QueueUse, EndsForThisUserAtClose) {
  Queue<int> queue(3, GetParam());
  queue.put(1);
  queue.close();
  queue.close();
  EXPECT_THROW(queue.put(2), ValueError);
  EXPECT_THROW(queue.put_nowait(2), ValueError);
  EXPECT_THROW(queue.get(), ValueError);
  EXPECT_THROW(queue.get_nowait(), ValueError);
  EXPECT_THROW(queue.empty(), HandleClosed);
  EXPECT_EQ(queue.qsize(), 1u);
  EXPECT_FALSE(queue.full());
  queue.join_thread();
  queue.join_thread();
}

TEST_P(QueueUse, JoinsItsThreadOnlyAfterClose) {
  Queue<int> queue(3, GetParam());
  EXPECT_THROW(queue.join_thread(), StateError);
  queue.cancel_join_thread();
  EXPECT_THROW(queue.join_thread(), StateError);
  queue.close();
  queue.join_thread();
}

TEST_P(QueueUse, CanBeMoved) {
  Queue<int> queue(3, GetParam());
  queue.put(1);
  Queue<int> other = std::move(queue);
  EXPECT_EQ(other.get(true, kHang), 1);
}

TEST_P(QueueUse, CountsTheTasksThatAreNotDone) {
  JoinableQueue<int> queue(2, GetParam());
  queue.join();  // nothing is unfinished
  EXPECT_THROW(queue.task_done(), ValueError);
  queue.put(1);
  queue.put(2);
  EXPECT_THROW(queue.put_nowait(3), Full);  // does not count
  queue.task_done();                        // nobody asks whether the item was taken
  EXPECT_EQ(queue.get(true, kHang), 1);
  EXPECT_EQ(queue.get(true, kHang), 2);
  queue.task_done();
  EXPECT_THROW(queue.task_done(), ValueError);
  queue.join();
}

TEST_P(QueueUse, NeedsNeitherSlotsNorTimesWhenSimple) {
  SimpleQueue<std::string> queue(GetParam());
  EXPECT_TRUE(queue.empty());
  queue.put("a");
  queue.put("b");
  EXPECT_EQ(queue.get(), "a");
  EXPECT_EQ(queue.get(), "b");
  EXPECT_TRUE(queue.empty());
  queue.close();
  queue.close();
  EXPECT_THROW(queue.put("c"), HandleClosed);
  EXPECT_THROW(queue.get(), HandleClosed);
  EXPECT_THROW(queue.empty(), HandleClosed);
}

TEST_P(QueueThreads, ShareEveryItemExactlyOnceInTheOrderOfEachProducer) {
  constexpr int kItems = 3000;
  const int producers = std::min(3, traits().producers);
  const int consumers = std::min(3, traits().consumers);
  using Item = std::pair<int, int>;
  Queue<Item> queue(50, GetParam());
  std::vector<std::map<int, std::vector<int>>> taken(static_cast<std::size_t>(consumers));
  std::deque<std::thread> threads;
  for (int producer = 0; producer < producers; ++producer) {
    threads.emplace_back([&queue, producer] {
      for (int i = 0; i < kItems; ++i) queue.put({producer, i});
    });
  }
  std::deque<std::thread> takers;
  for (auto& mine : taken) {
    takers.emplace_back([&] {
      for (Item item = queue.get(); item.first >= 0; item = queue.get()) {
        mine[item.first].push_back(item.second);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < consumers; ++i) queue.put({-1, 0});
  for (std::thread& thread : takers) thread.join();
  for (int producer = 0; producer < producers; ++producer) {
    std::vector<int> all;
    for (auto& mine : taken) {
      EXPECT_TRUE(!traits().ordered || std::ranges::is_sorted(mine[producer]));
      all.insert(all.end(), mine[producer].begin(), mine[producer].end());
    }
    std::ranges::sort(all);
    ASSERT_EQ(all.size(), static_cast<std::size_t>(kItems));
    for (int i = 0; i < kItems; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)], i);
  }
  EXPECT_EQ(queue.qsize(), 0u);
}

TEST_P(QueueThreads, WaitInPutForASlot) {
  Queue<int> queue(1, GetParam());
  queue.put(1);
  std::atomic<bool> done = false;
  std::thread other([&] {
    queue.put(2);
    done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(done);
  EXPECT_EQ(queue.qsize(), 1u);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(queue.get(), 2);
  other.join();
}

TEST_P(QueueThreads, PassALargeObject) {
  Queue<std::string> queue(0, GetParam());
  const std::string large(large_object(traits(), 16 << 20), 'x');
  std::thread other([&] { queue.put(large); });
  EXPECT_EQ(queue.get(), large);
  other.join();
}

TEST_P(QueueThreads, JoinWhenEveryTaskIsDone) {
  constexpr int kTasks = 500;
  JoinableQueue<int> queue(10, GetParam());
  std::atomic<int> done = 0;
  std::deque<std::thread> workers;
  for (int i = 0; i < std::min(2, traits().consumers); ++i) {
    workers.emplace_back([&] {
      while (queue.get() >= 0) {
        ++done;
        queue.task_done();
      }
      queue.task_done();
    });
  }
  for (int i = 0; i < kTasks; ++i) queue.put(i);
  queue.join();
  EXPECT_EQ(done, kTasks);
  for (std::size_t i = 0; i < workers.size(); ++i) queue.put(-1);
  for (std::thread& worker : workers) worker.join();
  queue.join();
}

TEST(DefaultQueue, WaitsForASlotAndForNothingElse) {
  Queue<std::string> queue;
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 3; ++i) queue.put(large);  // far more than a pipe holds
  EXPECT_EQ(queue.qsize(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.get(), large);
}

// CPython's says for a moment that it is empty: its thread has not written the item.
TEST(DefaultQueue, HasWhatWasPutForItsOnlyReader) {
  Queue<int> queue;
  for (int i = 0; i < 300; ++i) {
    queue.put(i);
    EXPECT_FALSE(queue.empty());
    EXPECT_EQ(queue.qsize(), 1u);
    EXPECT_EQ(queue.get_nowait(), i);
  }
}

TEST(DefaultQueue, IsNotWaitedForOnceThatIsCancelled) {
  Queue<std::string> queue;
  queue.put(std::string(1 << 20, 'x'));
  queue.cancel_join_thread();
  queue.close();
  queue.join_thread();
  EXPECT_EQ(queue.qsize(), 1u);  // the slot stays taken
}

TEST(DefaultSimpleQueue, ShowsAnItemAtOnce) {
  SimpleQueue<int> queue;
  for (int i = 0; i < 1000; ++i) {
    queue.put(i);
    ASSERT_FALSE(queue.empty());
    ASSERT_EQ(queue.get(), i);
    ASSERT_TRUE(queue.empty());
  }
}

TEST(LockedQueue, IsFullWhenItsPipeIs) {
  Queue<std::string> queue(0, "pipe_locked");
  const std::string item(1000, 'x');
  std::uint32_t items = 0;
  EXPECT_THROW(for (;; ++items) queue.put_nowait(item), Full);
  EXPECT_GT(items, 10u);
  EXPECT_EQ(queue.qsize(), items);
  EXPECT_FALSE(queue.full());  // of slots
  EXPECT_EQ(queue.get(), item);
}

std::set<int> descriptors_to_write_to() {
  std::set<int> found;
  for (int fd = 0; fd < 1024; ++fd) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_WRONLY) found.insert(fd);
  }
  return found;
}

// A queue of this many slots whose pipe begins with a length that no sender can have sent.
std::unique_ptr<Queue<int>> corrupt_queue(std::int64_t slots, const char* backend) {
  const std::set<int> before = descriptors_to_write_to();
  auto queue = std::make_unique<Queue<int>>(slots, backend);
  const std::uint32_t impossible = 0xffffffff;
  for (const int fd : descriptors_to_write_to()) {
    if (before.contains(fd)) continue;
    EXPECT_EQ(write(fd, &impossible, sizeof impossible), static_cast<ssize_t>(sizeof impossible));
  }
  return queue;
}

TEST(CorruptQueue, SaysSoAtOnceToThoseWhoWaitForASlot) {
  for (const char* backend : {"pipe_locked", "pipe_feeder"}) {
    SCOPED_TRACE(backend);
    const auto queue = corrupt_queue(2, backend);
    queue->put(1);
    queue->put(2);
    EXPECT_TRUE(queue->full());
    EXPECT_THROW(queue->get(true, kHang), CorruptMessage);
    for (int again = 0; again < 3; ++again) {
      EXPECT_THROW(queue->put(3, true, kHang), CorruptMessage);  // Full, had the slot not come back
      EXPECT_THROW(queue->get(true, kHang), CorruptMessage);
    }
  }
}

TEST(QueueBackends, AreChosenByNameAmongThoseThatCarrySomething) {
  try {
    const Queue<int> queue(0, "carrier_pigeon");
    FAIL() << "a pigeon";
  } catch (const ValueError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("carrier_pigeon"));
    EXPECT_THAT(error.what(), testing::HasSubstr("pipe_feeder"));
  }
  EXPECT_THROW(Queue<int>(0, "null"), ValueError);
  EXPECT_THROW(SimpleQueue<int>("null"), ValueError);
}

TEST(QueueMaxsize, IsAtMostWhatCanBeCounted) {
  EXPECT_THROW(Queue<int>(std::int64_t{1} << 31), ValueError);
  EXPECT_FALSE(Queue<int>((std::int64_t{1} << 31) - 1).full());
}

}  // namespace
}  // namespace ipc
