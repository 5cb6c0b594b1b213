// SPDX-License-Identifier: MIT
// Lock, RLock, Semaphore, Condition, Event, Barrier and Queue of a manager: what each gives and
// throws, who waits and who goes on, also when one of them is killed. Each case starts a server.
// Longer than most: one case for each promise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <thread>

#include "impl/manager/over_backends_test.h"
#include "impl/pipe/pipe.h"
#include "impl/queue/queue_core.h"
#include "impl/sync/barrier.h"

namespace ipc {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class ManagerWaitingProcesses : public OverBackends {
 protected:
  Manager m{options()};
};
class ManagerLockProcesses : public ManagerWaitingProcesses {};
class ManagerQueueProcesses : public ManagerWaitingProcesses {};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerWaitingProcesses, testing::ValuesIn(servers()),
                         backend_name);
INSTANTIATE_TEST_SUITE_P(Backends, ManagerLockProcesses,
                         testing::ValuesIn(managers_with({"Lock.acquire", "Value.set"})),
                         backend_name);
INSTANTIATE_TEST_SUITE_P(Backends, ManagerQueueProcesses,
                         testing::ValuesIn(managers_with({"Queue.put", "dict.set"})), backend_name);

TEST_P(ManagerLockProcesses, ALockIsTakenOnceAndReleasedByAnybody) {
  const auto lock = m.lock();
  EXPECT_TRUE(lock.acquire());
  EXPECT_FALSE(lock.acquire(false));
  EXPECT_FALSE(lock.acquire(true, 0));
  EXPECT_FALSE(lock.acquire(true, 0.01));
  Process{[&] { lock.release(); }}.start();  // and waits for it
  EXPECT_TRUE(lock.acquire(false));
  lock.release();
  EXPECT_THAT([&] { lock.release(); }, ThrowsMessage<RuntimeError>("release unlocked lock"));
  EXPECT_THROW(lock.acquire(false, 1), ValueError);
  EXPECT_THROW(lock.acquire(true, -2), ValueError);
  const std::lock_guard hold(lock);
  EXPECT_FALSE(lock.try_lock());
}

TEST_P(ManagerWaitingProcesses, AnRLockIsItsThreadsUntilAsManyReleases) {
  const auto lock = m.rlock();
  lock.acquire();
  EXPECT_TRUE(lock.acquire(false)) << "again";
  in_thread([&] {
    EXPECT_FALSE(lock.acquire(true, 0.01)) << "another thread";
    EXPECT_THAT([&] { lock.release(); },
                ThrowsMessage<RuntimeError>("cannot release un-acquired lock"));
  }).get();
  lock.release();
  in_thread([&] { EXPECT_FALSE(lock.acquire(false)) << "one level is left"; }).get();
  Process child{[&] { require(!lock.acquire(false), "a child is another"); }};
  child.start();
  EXPECT_EQ(end_of(child), 0);
  lock.release();
  in_thread([&] {
    EXPECT_TRUE(lock.acquire(false));
    lock.release();
  }).get();
  EXPECT_THROW(lock.release(), RuntimeError);
}

TEST_P(ManagerLockProcesses, AWaiterGetsTheLockThatIsReleased) {
  const auto lock = m.lock();
  lock.acquire();
  auto waiting = in_thread([&] { return lock.acquire(true, kHang); });
  EXPECT_FALSE(is_over(waiting, kBrief));
  lock.release();
  EXPECT_TRUE(waiting.get());
}

TEST_P(ManagerLockProcesses, ALockExcludesProcesses) {
  const auto lock = m.lock();
  const auto value = m.value("i", 0);
  const auto count = [&] {
    for (int i = 0; i < 100; ++i) {
      const std::lock_guard hold(lock);
      value.set(value.get().as_integer() + 1);
    }
  };
  Process a{count};
  Process b{count};
  a.start();
  b.start();
  EXPECT_EQ(end_of(a), 0);
  EXPECT_EQ(end_of(b), 0);
  EXPECT_EQ(value.get(), Object(200));
}

TEST_P(ManagerWaitingProcesses, LocksOfAKilledProcessAreReleased) {
  const auto lock = m.lock();
  const auto rlock = m.rlock();
  const auto condition = m.condition();
  There holder([&] {
    lock.acquire();
    rlock.acquire();
    rlock.acquire();
    condition.acquire();
  });
  EXPECT_FALSE(lock.acquire(false));
  EXPECT_FALSE(rlock.acquire(false));
  EXPECT_FALSE(condition.acquire(false));
  auto waiting = in_thread([&] { return lock.acquire(true, kHang); });
  holder.kill();
  EXPECT_TRUE(waiting.get());
  EXPECT_TRUE(rlock.acquire(true, kHang));
  EXPECT_TRUE(condition.acquire(true, kHang));
}

TEST_P(ManagerWaitingProcesses, ASemaphoreCounts) {
  const auto s = m.semaphore(2);
  EXPECT_TRUE(s.acquire());
  EXPECT_TRUE(s.acquire(false));
  EXPECT_FALSE(s.acquire(false));
  EXPECT_FALSE(s.acquire(true, 0.01));
  auto waiting = in_thread([&] { return s.acquire(true, kHang); });
  s.release();
  EXPECT_TRUE(waiting.get());
  s.release(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(s.acquire(false));
  EXPECT_FALSE(s.acquire(false));
  EXPECT_THROW(s.release(0), ValueError);
  EXPECT_FALSE(m.semaphore(0).acquire(true, -1)) << "as 0";
  const auto bounded = m.bounded_semaphore();
  EXPECT_THAT([&] { bounded.release(); },
              ThrowsMessage<ValueError>("Semaphore released too many times"));
  bounded.acquire();
  bounded.release();
  EXPECT_THAT([&] { m.semaphore(-1); },
              ThrowsMessage<RemoteError>(HasSubstr("semaphore initial value must be >= 0")));
}

TEST_P(ManagerWaitingProcesses, AConditionNotifiesThoseWhoWait) {
  const auto c = m.condition();
  const auto there = m.queue();
  const auto wait = [&] {
    const std::lock_guard hold(c);
    there.put(true);
    return c.wait(kHang);
  };
  auto one = in_thread(wait);
  there.get();
  auto other = in_thread(wait);
  there.get();
  c.acquire();  // when they have let it go: both wait
  c.notify(0);
  c.notify();
  EXPECT_FALSE(is_over(one, kBrief)) << "the lock is held";
  c.release();
  EXPECT_TRUE(one.get()) << "the first to come is the first notified";
  EXPECT_FALSE(is_over(other, kBrief));
  c.acquire();
  c.notify_all();
  c.release();
  EXPECT_TRUE(other.get());
}

TEST_P(ManagerWaitingProcesses, AConditionWantsItsLock) {
  const auto c = m.condition();
  EXPECT_THAT([&] { c.wait(0.01); },
              ThrowsMessage<RuntimeError>("cannot wait on un-acquired lock"));
  EXPECT_THAT([&] { c.notify(); },
              ThrowsMessage<RuntimeError>("cannot notify on un-acquired lock"));
  EXPECT_THROW(c.notify_all(), RuntimeError);
  EXPECT_THROW(c.release(), RuntimeError);
  c.acquire();
  c.acquire();
  EXPECT_FALSE(c.wait(0.01)) << "nobody notifies";
  EXPECT_FALSE(c.wait(-1));
  in_thread([&] { EXPECT_FALSE(c.acquire(false)) << "all levels were taken again"; }).get();
  c.release();
  in_thread([&] { EXPECT_FALSE(c.acquire(false)); }).get();
  c.release();
  in_thread([&] { EXPECT_TRUE(c.acquire(false)); }).get();
  const auto lock = m.lock();
  const auto over = m.condition(lock);
  over.acquire();
  EXPECT_FALSE(lock.acquire(false)) << "it is that lock";
  EXPECT_THROW(m.create("Condition", {m.list()}), RemoteError);
}

TEST_P(ManagerWaitingProcesses, AConditionWaitsForAPredicateOfTheClient) {
  const auto c = m.condition();
  const auto v = m.value("i", 0);
  const auto is_two = [&] { return v.get() == Object(2); };
  const auto there = m.queue();
  auto waiting = in_thread([&] {
    const std::lock_guard hold(c);
    there.put(true);
    return c.wait_for(is_two, kHang);
  });
  there.get();  // it holds the lock until it waits
  for (int i = 1; i <= 2; ++i) {
    const std::lock_guard hold(c);
    v.set(i);
    c.notify_all();
  }
  EXPECT_TRUE(waiting.get());
  const std::lock_guard hold(c);
  EXPECT_TRUE(c.wait_for(is_two, 0)) << "it is asked first";
  v.set(3);
  EXPECT_FALSE(c.wait_for(is_two, 0.01));
}

TEST_P(ManagerWaitingProcesses, AKilledWaitersNotificationGoesToAnother) {
  const auto c = m.condition();
  const auto there = m.queue();
  const auto wait = [&] {
    const std::lock_guard hold(c);
    there.put(true);
    c.wait();
  };
  Running killed(wait);
  there.get();
  auto other = in_thread(wait);
  there.get();
  c.acquire();
  c.notify();  // the one that will be killed; it wants the lock
  killed->kill();
  ASSERT_TRUE(killed->join(kHang));
  c.release();
  if (!is_over(other, kHang)) {
    ADD_FAILURE() << "nobody was notified";
    const std::lock_guard hold(c);
    c.notify_all();
  }
  other.get();
}

TEST_P(ManagerWaitingProcesses, AnEventReleasesAllThatWait) {
  const auto e = m.event();
  EXPECT_FALSE(e.is_set());
  EXPECT_FALSE(e.wait(0.01));
  EXPECT_FALSE(e.wait(-1));
  const auto there = m.queue();
  const auto wait = [&] {
    there.put(true);
    return e.wait(kHang);
  };
  auto one = in_thread(wait);
  auto other = in_thread(wait);
  there.get();
  there.get();
  EXPECT_FALSE(is_over(one, kBrief));
  do {  // again for one that waits only now
    e.set();
    e.clear();
  } while (!is_over(one, kBrief) || !is_over(other, kBrief));
  EXPECT_TRUE(one.get()) << "though it was cleared at once";
  EXPECT_TRUE(other.get());
  EXPECT_FALSE(e.is_set());
  e.set();
  e.set();
  EXPECT_TRUE(e.is_set());
  EXPECT_TRUE(e.wait());
}

TEST_P(ManagerWaitingProcesses, ABarrierLetsAllGoWhenTheLastComes) {
  const auto b = m.barrier(2);
  for (int round = 0; round < 3; ++round) {
    auto other = in_thread([&] { return b.wait(kHang); });
    EXPECT_EQ(b.wait(kHang) + other.get(), 1u) << "places 0 and 1";
  }
  EXPECT_EQ(b.parties(), 2u);
  EXPECT_EQ(b.n_waiting(), 0u);
  EXPECT_FALSE(b.broken());
  EXPECT_THROW(b.wait(0), BrokenBarrier);
  EXPECT_TRUE(b.broken());
  EXPECT_THROW(b.wait(), BrokenBarrier);
  b.reset();
  auto waiting = in_thread([&] { return b.wait(kHang); });
  while (b.n_waiting() == 0) std::this_thread::yield();
  b.abort();
  EXPECT_THROW(waiting.get(), BrokenBarrier);
  b.reset();
  auto again = in_thread([&] { return b.wait(kHang); });
  while (b.n_waiting() == 0) std::this_thread::yield();
  b.reset();
  EXPECT_THROW(again.get(), BrokenBarrier);
  EXPECT_FALSE(b.broken());
  EXPECT_THROW(m.barrier(2, std::nullopt, 0.01).wait(), BrokenBarrier) << "its own timeout";
  EXPECT_THROW(m.barrier(0), RemoteError);
}

TEST_P(ManagerWaitingProcesses, AKilledWaiterBreaksTheBarrier) {
  const auto b = m.barrier(3);
  Running killed([&] { b.wait(); });
  auto waiting = in_thread([&] { return b.wait(); });
  while (b.n_waiting() != 2) std::this_thread::yield();
  killed->kill();
  if (!is_over(waiting, kHang)) {
    ADD_FAILURE() << "the other waits for the dead one";
    b.abort();
  }
  EXPECT_THROW(waiting.get(), BrokenBarrier);
  EXPECT_TRUE(b.broken());
}

TEST_P(ManagerWaitingProcesses, ABarriersActionRunsInTheServer) {
  Manager own(unstarted());
  own.register_action("once", [] {});
  own.register_action("fail", [] { throw ValueError("as told"); });
  own.start();
  EXPECT_EQ(own.barrier(1, "once").wait(), 0u);
  const auto failing = own.barrier(1, "fail");
  EXPECT_THAT([&] { failing.wait(); }, ThrowsMessage<ValueError>("as told"));
  EXPECT_TRUE(failing.broken());
  EXPECT_THROW(own.barrier(1, "unknown"), RemoteError);
}

TEST_P(ManagerQueueProcesses, AQueueKeepsOrderAndBounds) {
  const auto q = m.queue(2);
  EXPECT_TRUE(q.empty());
  q.put(1);
  q.put_nowait(list({"x"}));
  EXPECT_TRUE(q.full());
  EXPECT_EQ(q.qsize(), 2u);
  EXPECT_THROW(q.put_nowait(3), Full);
  EXPECT_THROW(q.put(3, true, 0.01), Full);
  EXPECT_THROW(q.put(3, true, -1), ValueError);
  EXPECT_THROW(q.put(3, false, -1), Full) << "the timeout is ignored";
  EXPECT_EQ(q.get(), Object(1));
  EXPECT_EQ(q.get(false), list({"x"}));
  EXPECT_THROW(q.get_nowait(), Empty);
  EXPECT_THROW(q.get(true, 0.01), Empty);
  EXPECT_THROW(q.get(true, -1), ValueError);
  EXPECT_THROW(q.put(Object(Handle())), ValueError) << "it cannot be encoded";
  EXPECT_EQ(q.qsize(), 0u) << "and the connection is in step";
}

TEST_P(ManagerWaitingProcesses, AQueueCountsTasks) {
  for (const QueueProxy& q : {m.queue(), QueueProxy(m.joinable_queue())}) {
    q.join();
    q.put(1);
    q.put(2);
    q.get();
    q.task_done();
    auto waiting = in_thread([&] { q.join(); });
    EXPECT_FALSE(is_over(waiting, kBrief));
    q.get();
    q.task_done();
    waiting.get();
    EXPECT_THAT([&] { q.task_done(); },
                ThrowsMessage<ValueError>("task_done() called too many times"));
  }
  const auto joinable = m.joinable_queue(1);
  joinable.put(1);
  EXPECT_TRUE(joinable.full());
}

TEST_P(ManagerQueueProcesses, AWaitingGetHoldsUpNobody) {
  const auto q = m.queue();
  const auto d = m.dict();
  auto waiting = in_thread([&] { return q.get(true, kHang); });
  Running other([&] { q.get(); });
  for (int i = 0; i < 100; ++i) d[i] = i;
  EXPECT_EQ(d.size(), 100u);
  q.put(1);
  q.put(1);
  EXPECT_EQ(waiting.get(), Object(1));
  EXPECT_TRUE(other->join(kHang));
}

TEST_P(ManagerQueueProcesses, APutWaitsForRoom) {
  const auto q = m.queue(1);
  q.put(1);
  auto waiting = in_thread([&] { q.put(2, true, kHang); });
  EXPECT_FALSE(is_over(waiting, kBrief));
  EXPECT_EQ(q.get(), Object(1));
  waiting.get();
  EXPECT_EQ(q.get(), Object(2));
}

TEST_P(ManagerWaitingProcesses, AKilledWaiterLosesNoItem) {
  const auto q = m.queue(1);
  const auto there = m.queue();
  Running getter([&] {
    there.put(true);
    q.get();
  });
  there.get();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it may wait by now
  getter->kill();
  ASSERT_TRUE(getter->join(kHang));
  q.put("kept");
  EXPECT_EQ(q.get(true, kHang), Object("kept"));
  q.put("first");
  Running putter([&] {
    there.put(true);
    q.put("never");
  });
  there.get();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  putter->kill();
  ASSERT_TRUE(putter->join(kHang));
  EXPECT_EQ(q.get(), Object("first"));
  EXPECT_THROW(q.get(true, kBrief), Empty);
}

TEST_P(ManagerQueueProcesses, AQueuesItemsOfProducersComeInTheirOrder) {
  const auto q = m.queue(5);
  const auto produce = [&](int producer) {
    for (int i = 0; i < 50; ++i) q.put(Object::tuple({producer, i}));
  };
  Process a{[&] { produce(0); }};
  Process b{[&] { produce(1); }};
  a.start();
  b.start();
  std::int64_t next[2] = {0, 0};
  for (int i = 0; i < 100; ++i) {
    const Object item = q.get(true, kHang);
    EXPECT_EQ(item[1].as_integer(), next[item[0].as_integer()]++);
  }
  EXPECT_EQ(end_of(a), 0);
  EXPECT_EQ(end_of(b), 0);
}

}  // namespace
}  // namespace ipc
