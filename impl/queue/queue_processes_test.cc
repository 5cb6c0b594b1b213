// SPDX-License-Identifier: MIT
// Queues between processes, over every backend: the programs that a Python user writes, and killed
// users. Every case forks. Longer than most: one case for each promise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "impl/pipe/pipe.h"
#include "impl/process/typed_api_test.h"
#include "impl/queue/queue.h"

namespace ipc {
namespace {

constexpr std::size_t kLarge = 1 << 20;  // more than a pipe holds

class QueueProcesses : public testing::TestWithParam<std::string> {
 protected:
  const Traits& traits() const { return QueueRegistry::get(GetParam()).traits; }

  // Whether who has put it must wait until somebody takes it: it cannot fit into the transport.
  bool is_held_back(const std::string& item) const {
    const bool fed = GetParam() == "pipe_feeder" || GetParam() == "shm_feeder";
    return item.size() == kLarge && traits().max_message > 2 * kLarge &&
           (fed || traits().capacity == CapacityUnit::bytes);
  }
};

INSTANTIATE_TEST_SUITE_P(Backends, QueueProcesses,
                         testing::ValuesIn(usable_backends<QueueRegistry>()), backend_name);

TEST_P(QueueProcesses, PassMoreItemsThanTheQueueHolds) {
  Queue queue(5, GetParam());
  Running producer([&] {
    for (int i = 0; i < 6; ++i) queue.put("amy");
    queue.put(Object());
  });
  EXPECT_FALSE(producer->join(kBrief));  // the sixth put waits
  EXPECT_EQ(queue.qsize(), 5u);
  Running consumer([&] {
    int printed = 0;
    while (!queue.get().is_none()) ++printed;
    require(printed == 6, "six items before None");
  });
  EXPECT_EQ(end_of(*producer), 0);
  EXPECT_EQ(end_of(*consumer), 0);
}

TEST_P(QueueProcesses, ReadInOrderUntilTheyAreTerminated) {
  Queue queue(0, GetParam());
  auto [log, out] = Pipe(false);
  Running reader([&, &printed = out] {
    for (;;) printed.send(queue.get());
  });
  Running writer([&] {
    for (const char* item : {"A", "B", "C"}) queue.put(item);
  });
  for (const char* item : {"A", "B", "C"}) EXPECT_EQ(log.recv(), item);
  EXPECT_EQ(end_of(*writer), 0);
  reader->terminate();
  EXPECT_EQ(end_of(*reader), -SIGTERM);
}

// In CPython a reader killed while it waits holds the reader lock for ever, and no get succeeds any
// more.
TEST_P(QueueProcesses, TakeItemsAfterAWaitingReaderWasKilled) {
  if (!traits().survives_kill) GTEST_SKIP() << traits().on_kill;
  Queue<int> queue(0, GetParam());
  auto [log, out] = Pipe(false);
  for (const int number : {SIGTERM, SIGKILL}) {
    Running reader([&, &ready = out] {
      ready.send(true);
      queue.get();
    });
    EXPECT_TRUE(log.recv<bool>());
    EXPECT_FALSE(reader->join(kBrief));  // by now it waits
    number == SIGTERM ? reader->terminate() : reader->kill();
    EXPECT_EQ(end_of(*reader), -number);
    queue.put(number);
    EXPECT_EQ(queue.get(true, kHang), number);
  }
}

// A writer that waits for the only slot is killed; then the item in it is taken.
void kill_a_waiting_writer(Queue<int>& queue) {
  queue.put(1);
  Running writer([&] { queue.put(2); });
  EXPECT_FALSE(writer->join(kBrief));
  writer->kill();
  EXPECT_EQ(end_of(*writer), -SIGKILL);
  EXPECT_EQ(queue.get(true, kHang), 1);
}

TEST_P(QueueProcesses, PutItemsAfterAWaitingWriterWasKilled) {
  if (!traits().survives_kill) GTEST_SKIP() << traits().on_kill;
  Queue<int> queue(1, GetParam());
  kill_a_waiting_writer(queue);
  queue.put(3, true, kHang);
  EXPECT_EQ(queue.get(true, kHang), 3);
}

// Somebody is killed in a put, in a get, or between them: then all slots are there again.
TEST_P(QueueProcesses, LoseNoSlotToAKillWhereTheBackendCountsItsItems) {
  if (!traits().survives_kill) GTEST_SKIP() << traits().on_kill;
  if (!traits().counts_items)
    GTEST_SKIP() << "the queue counts its slots, for which nobody answers";
  if (traits().killed.sending != AfterKill::nothing) GTEST_SKIP() << traits().on_kill;
  Queue<int> queue(1, GetParam());
  std::mt19937 random(std::random_device{}());
  for (int kills = 0; kills < 60; ++kills) {
    SCOPED_TRACE(kills);
    Running victim([&] {
      for (;;) {
        queue.put(1);
        queue.get();
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 4000));
    victim->kill();
    EXPECT_EQ(end_of(*victim), -SIGKILL);
    EXPECT_LE(queue.qsize(), 1u);
    while (!queue.empty()) queue.get(true, kHang);
    ASSERT_EQ(queue.qsize(), 0u);
    queue.put(2, true, kHang);
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(queue.get(true, kHang), 2);
  }
}

TEST_P(QueueProcesses, ShareEveryItemExactlyOnceInTheOrderOfEachProducer) {
  constexpr int kItems = 2000;
  const int producers = std::min(4, traits().producers);
  const int consumers = std::min(4, traits().consumers);
  using Item = std::pair<int, int>;
  Queue<Item> queue(50, GetParam());
  Queue<std::map<int, std::vector<int>>> results;
  std::deque<Running> writers;
  std::deque<Running> readers;
  for (int producer = 0; producer < producers; ++producer) {
    writers.emplace_back([&queue, producer] {
      for (int i = 0; i < kItems; ++i) queue.put({producer, i});
    });
  }
  for (int consumer = 0; consumer < consumers; ++consumer) {
    readers.emplace_back([&] {
      std::map<int, std::vector<int>> mine;
      for (Item item = queue.get(); item.first >= 0; item = queue.get()) {
        mine[item.first].push_back(item.second);
      }
      results.put(mine);
    });
  }
  for (auto& writer : writers) EXPECT_EQ(end_of(*writer), 0);
  for (int i = 0; i < consumers; ++i) queue.put({-1, 0});  // a marker for each
  std::map<int, std::vector<int>> all;
  for (int i = 0; i < consumers; ++i) {
    for (const auto& [producer, items] : results.get(true, kHang)) {
      EXPECT_TRUE(!traits().ordered || std::ranges::is_sorted(items));
      all[producer].insert(all[producer].end(), items.begin(), items.end());
    }
  }
  for (auto& reader : readers) EXPECT_EQ(end_of(*reader), 0);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(producers));
  for (auto& [producer, items] : all) {
    std::ranges::sort(items);
    ASSERT_EQ(items.size(), static_cast<std::size_t>(kItems));
    for (int i = 0; i < kItems; ++i) ASSERT_EQ(items[static_cast<std::size_t>(i)], i);
  }
  EXPECT_EQ(queue.qsize(), 0u);
}

TEST_P(QueueProcesses, CountItemsOverAllOfThem) {
  Queue<int> queue(3, GetParam());
  queue.put(0);
  Running child([&] {
    queue.put(1);
    queue.put(2);
    require(queue.full(), "full with three");
  });
  EXPECT_EQ(end_of(*child), 0);
  EXPECT_EQ(queue.qsize(), 3u);
  EXPECT_TRUE(queue.full());
  EXPECT_THROW(queue.put_nowait(3), Full);
  Running taker([&] { queue.get(); });
  EXPECT_EQ(end_of(*taker), 0);
  queue.put(3, true, kHang);
  EXPECT_TRUE(queue.full());
}

// Two that put in turns, each after the other has done so.
TEST_P(QueueProcesses, KeepTheOrderOfAllPutsWhereTheTraitsSaySo) {
  if (!traits().order.ends_with("over all producers")) GTEST_SKIP() << traits().order;
  constexpr int kRounds = 20;
  constexpr int kItems = 8;  // fit into every transport
  SimpleQueue<int> queue(GetParam());
  auto [here, there] = Pipe();
  Running other([&, &turn = there] {
    for (int put = 1; put < kRounds * kItems; put += 2) {
      turn.recv<int>();
      queue.put(put);
      turn.send(put);
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    const int first = round * kItems;
    for (int put = first; put < first + kItems; put += 2) {
      queue.put(put);
      here.send(put);
      EXPECT_EQ(here.recv<int>(), put + 1);
    }
    for (int got = first; got < first + kItems; ++got) EXPECT_EQ(queue.get(), got);
  }
  EXPECT_EQ(end_of(*other), 0);
}

TEST_P(QueueProcesses, EndOnlyAfterTheirItemsHaveLeftThem) {
  Queue<std::string> queue(0, GetParam());
  const std::string large(large_object(traits(), kLarge), 'x');
  Running child([&] { queue.put(large); });
  if (is_held_back(large)) {
    EXPECT_FALSE(child->join(kBrief));
  }
  EXPECT_EQ(queue.get(true, kHang), large);
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(QueueProcesses, JoinTheirThreadOnceTheirItemsHaveLeftThem) {
  Queue<std::string> queue(0, GetParam());
  const std::string large(large_object(traits(), kLarge), 'x');
  Running child([&] {
    queue.put(large);
    queue.close();
    queue.join_thread();
    _exit(7);  // without the wait of an orderly end
  });
  if (is_held_back(large)) {
    EXPECT_FALSE(child->join(kBrief));
  }
  EXPECT_EQ(queue.get(true, kHang), large);
  EXPECT_EQ(end_of(*child), 7);
}

TEST_P(QueueProcesses, HaveNoTaskWhileTheyWaitForASlot) {
  JoinableQueue<int> queue(1, GetParam());
  kill_a_waiting_writer(queue);
  queue.task_done();
  EXPECT_THROW(queue.task_done(), ValueError);
  Running joiner([&] { queue.join(); });
  EXPECT_EQ(end_of(*joiner), 0);
  queue.put(3, true, kHang);
  EXPECT_EQ(queue.get(true, kHang), 3);
}

TEST_P(QueueProcesses, DeliverWhatTheyPutBeforeAnException) {
  Queue<std::string> queue(0, GetParam());
  Running child([&] {
    for (int i = 0; i < 20; ++i) queue.put("kept");
    throw Exit{3};
  });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(queue.get(true, kHang), "kept");
  EXPECT_EQ(end_of(*child), 3);
}

TEST_P(QueueProcesses, InheritNoItemsThatTheirParentHasNotDelivered) {
  Queue<std::string> queue(0, GetParam());
  const std::string large(large_object(traits(), kLarge), 'x');
  std::thread putter([&] {
    for (int i = 0; i < 3; ++i) queue.put(large);
  });
  while (queue.empty()) std::this_thread::yield();  // a writer is at work
  std::deque<Running> children;
  for (int i = 0; i < 10; ++i) {
    children.emplace_back([&] { queue.put("from a child"); });
  }
  std::map<std::string, int> received;
  for (int i = 0; i < 13; ++i) ++received[queue.get(true, kHang)];
  EXPECT_THAT(received, testing::UnorderedElementsAre(testing::Pair(large, 3),
                                                      testing::Pair("from a child", 10)));
  putter.join();
  for (auto& child : children) EXPECT_EQ(end_of(*child), 0);
  EXPECT_EQ(queue.qsize(), 0u);
}

TEST_P(QueueProcesses, CloseTheQueueEachForItself) {
  Queue<int> queue(0, GetParam());
  Running child([&] {
    queue.put(1);
    queue.close();
  });
  EXPECT_EQ(end_of(*child), 0);
  EXPECT_EQ(queue.get(true, kHang), 1);
  queue.close();
  Running other([&] {
    queue.put(2);
    require(queue.get(true, kHang) == 2, "still works here");
  });
  EXPECT_EQ(end_of(*other), 0);
}

TEST_P(QueueProcesses, ReturnALargeObject) {
  Queue there(0, GetParam());
  Queue back(0, GetParam());
  Running child([&] { back.put(there.get()); });
  const Object large =
      Object::bytes(std::vector<std::byte>(large_object(traits(), 16 << 20), std::byte{7}));
  there.put(large);
  EXPECT_TRUE(back.get() == large);
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(QueueProcesses, JoinWhenEveryTaskIsDone) {
  JoinableQueue<int> queue(4, GetParam());
  std::deque<Running> workers;
  for (int i = 0; i < std::min(2, traits().consumers); ++i) {
    workers.emplace_back([&] {
      while (queue.get() >= 0) queue.task_done();
      queue.task_done();
    });
  }
  for (int i = 0; i < 300; ++i) queue.put(i);
  queue.join();
  for (std::size_t i = 0; i < workers.size(); ++i) queue.put(-1);
  queue.join();
  EXPECT_EQ(queue.qsize(), 0u);
  for (auto& worker : workers) EXPECT_EQ(end_of(*worker), 0);
}

TEST_P(QueueProcesses, WaitInJoinForTheLastTask) {
  JoinableQueue<int> queue(0, GetParam());
  queue.put(1);
  queue.put(2);
  Running joiner([&] { queue.join(); });
  queue.task_done();
  EXPECT_FALSE(joiner->join(kBrief));
  queue.task_done();
  EXPECT_EQ(end_of(*joiner), 0);
  EXPECT_THROW(queue.task_done(), ValueError);
}

// CPython's join returns at the first moment without unfinished tasks, even if that is over when it
// looks.
TEST_P(QueueProcesses, WaitInJoinForTasksThatWerePutMeanwhile) {
  JoinableQueue<int> queue(0, GetParam());
  queue.put(1);
  Running joiner([&] { queue.join(); });
  EXPECT_FALSE(joiner->join(kBrief));  // by now it waits
  ::kill(joiner->pid().value(), SIGSTOP);
  queue.task_done();
  queue.put(2);
  ::kill(joiner->pid().value(), SIGCONT);
  EXPECT_FALSE(joiner->join(kBrief));
  queue.task_done();
  EXPECT_EQ(end_of(*joiner), 0);
}

TEST_P(QueueProcesses, StopOneConsumerByOneMarker) {
  if (traits().consumers < 2) GTEST_SKIP() << "it has one consumer";
  Queue<> queue(4, GetParam());
  const auto consume = [&] {
    while (!queue.get().is_none()) {
    }
  };
  Running first(consume);
  Running second(consume);
  queue.put(Object());
  ASSERT_FALSE(wait({&*first, &*second}, kHang).empty());
  Process& other = first->is_alive() ? *first : *second;
  EXPECT_FALSE(other.join(kBrief));
  queue.put(Object());
  EXPECT_EQ(end_of(other), 0);
}

TEST_P(QueueProcesses, NeedNeitherSlotsNorTimesForASimpleQueue) {
  SimpleQueue<int> queue(GetParam());
  Running child([&] {
    for (int i = 0; i < 5000; ++i) queue.put(i);
  });
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(queue.get(), i);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(QueueProcesses, WaitOnAfterSignals) {
  Queue<int> there(1, GetParam());
  Queue<int> back(1, GetParam());
  Running child([&] {
    survive_interruptions();
    back.put(1);
    require(there.get() == 7, "the item");
    back.put(2);  // waits for the slot
  });
  while (!back.full()) std::this_thread::yield();
  interrupt(*child);
  there.put(7);
  while (!there.empty() || there.qsize() != 0) std::this_thread::yield();
  interrupt(*child);
  EXPECT_EQ(back.get(), 1);
  EXPECT_EQ(back.get(true, kHang), 2);
  EXPECT_EQ(end_of(*child), 0);
}

TEST(DefaultQueueProcesses, DoNotWaitForTheirItemsOnceThatIsCancelled) {
  Queue<std::string> queue;
  Running child([&] {
    queue.put(std::string(kLarge, 'x'));
    queue.cancel_join_thread();
  });
  EXPECT_EQ(end_of(*child), 0);
  EXPECT_EQ(queue.qsize(), 1u);  // lost, and its slot stays taken
}

TEST(DefaultQueueProcesses, MayBeginWithAQueueWhileTheirItemsAreWaitedFor) {
  Queue<std::string> queue;
  Running child([&queue] {
    static SimpleQueue<int> late;  // a thread may use it after this function
    queue.put(std::string(kLarge, 'x'));
    std::thread([&queue] {
      std::this_thread::sleep_for(std::chrono::duration<double>(kBrief));  // it is waited for now
      late.put(1);
      queue.get();
    }).detach();
  });
  EXPECT_EQ(end_of(*child), 0);
}

TEST(DefaultQueueProcesses, MayMakeQueuesOfTheirOwn) {
  Queue<std::string> results;
  Running child([&] {
    Queue<std::string> own{1};
    std::thread taker([&] { results.put(own.get()); });
    own.put(std::string(kLarge, 'x'));
    taker.join();
  });
  EXPECT_EQ(results.get(), std::string(kLarge, 'x'));
  EXPECT_EQ(end_of(*child), 0);
}

}  // namespace
}  // namespace ipc
