// SPDX-License-Identifier: MIT
// Processes killed at random moments, and before and after each system call, while they notify,
// come to a barrier or set an event: nobody who waits hangs for it, and what they used can be used
// on. All names say Processes, for all fork.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/mapping.h"
#include "impl/os/stepping_test.h"
#include "impl/sync/barrier.h"
#include "impl/sync/condition.h"
#include "impl/sync/event.h"
#include "impl/sync/lock.h"

namespace ipc {
namespace {

constexpr int kRounds = 16;
constexpr double kHang = 60;  // seconds that nothing sound takes

using Flag = Shared<std::atomic<int>>;

int end_of(Child& child) {
  return child.wait(Deadline::after(std::chrono::seconds(120))).value_or(-99);
}

template <class Ready>
void await(const Ready& ready) {
  const Deadline limit = Deadline::after(std::chrono::seconds(60));
  while (!ready()) {
    if (limit.passed()) throw std::runtime_error("a child did not get as far as it should");
    std::this_thread::yield();
  }
}
void await(const Flag& flag, int times = 1) {
  await([&] { return flag->load() >= times; });
}

class KilledProcesses : public testing::Test {
 protected:
  // Kills the child some time after it has begun.
  void kill_at_any_time(Child& child, const Flag& begun) {
    await(begun);
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 2000));
    child.signal(SIGKILL);
    EXPECT_EQ(end_of(child), -SIGKILL);
  }

 private:
  std::mt19937 random_{std::random_device{}()};
};

// The lock of a notifier that was killed with it is another's (lock.h).
TEST_F(KilledProcesses, WhileTheyNotifyLeaveAConditionThatWakesAll) {
  for (int round = 0; round < kRounds; ++round) {
    Condition condition;
    const Flag begun{0};
    const Flag done{0};
    const Flag waits{0};
    std::vector<Child> waiting;
    for (int i = 0; i < 2; ++i) {
      waiting.push_back(fork_child([&] {
        std::lock_guard hold(condition);
        waits->fetch_add(1);
        return condition.wait_for([&] { return done->load() != 0; }, kHang) ? 0 : 1;
      }));
    }
    await(waits, 2);
    Child victim = fork_child([&]() -> int {
      for (;;) {
        std::lock_guard hold(condition);
        condition.notify(static_cast<std::uint32_t>(1 + begun->fetch_add(1) % 2));
      }
    });
    kill_at_any_time(victim, begun);
    {
      std::lock_guard hold(condition);
      done->store(1);
      condition.notify_all();
    }
    for (Child& child : waiting) EXPECT_EQ(end_of(child), 0) << "in round " << round;
  }
}

// One that waits again and again is killed: each notification from then on is for those that live.
TEST_F(KilledProcesses, WhileTheyWaitCostAConditionNoNotification) {
  for (int round = 0; round < kRounds; ++round) {
    Condition condition;
    const Flag begun{0};
    const Flag waits{0};
    Child victim = fork_child([&]() -> int {
      for (;;) {
        std::lock_guard hold(condition);
        begun->store(1);
        condition.wait(0.0001);
      }
    });
    kill_at_any_time(victim, begun);
    Child waiting = fork_child([&] {
      std::lock_guard hold(condition);
      waits->store(1);
      return condition.wait(kHang) ? 0 : 1;
    });
    await(waits);
    {
      std::lock_guard hold(condition);  // it has given it up, so it waits
      condition.notify();
    }
    EXPECT_EQ(end_of(waiting), 0) << "in round " << round;
  }
}

// Unless it is killed between two rounds, or released and not yet gone: then it has only not come,
// and chance decides how often (barrier_test kills one that is known to wait). After a reset the
// barrier is as new.
TEST_F(KilledProcesses, WhileTheyComeToABarrierLeaveOneThatCanBeReset) {
  constexpr int kParties = 3;
  for (int round = 0; round < kRounds; ++round) {
    Barrier barrier(kParties);
    const Flag begun{0};
    std::vector<Child> others;
    for (int i = 1; i < kParties; ++i) {
      others.push_back(fork_child([&] {
        try {
          for (;;) barrier.wait(kHang);
        } catch (const BrokenBarrier&) {
          return 0;
        }
      }));
    }
    Child victim = fork_child([&]() -> int {
      for (;;) {
        begun->store(1);
        barrier.wait(kHang);
      }
    });
    kill_at_any_time(victim, begun);
    // Where two wait for long, and the barrier is not broken, the victim was not among them.
    int calm = 0;
    while (calm < 5 && !barrier.broken()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      calm = barrier.n_waiting() == kParties - 1 ? calm + 1 : 0;
    }
    if (!barrier.broken()) barrier.abort();
    for (Child& child : others) EXPECT_EQ(end_of(child), 0) << "in round " << round;
    barrier.reset();
    std::vector<Child> next;
    for (int i = 0; i < kParties; ++i) {
      next.push_back(fork_child([&] {
        for (int k = 0; k < 10; ++k) barrier.wait(kHang);
        return 0;
      }));
    }
    for (Child& child : next) EXPECT_EQ(end_of(child), 0) << "in round " << round;
  }
}

TEST_F(KilledProcesses, WhileTheySetAnEventLeaveOneThatReleases) {
  for (int round = 0; round < kRounds; ++round) {
    Event event;
    const Flag begun{0};
    const Flag done{0};
    Child waiting = fork_child([&] {
      while (done->load() == 0) event.wait(kHang);
      return 0;
    });
    Child victim = fork_child([&]() -> int {
      for (;;) {
        event.set();
        begun->store(1);
        event.clear();
      }
    });
    kill_at_any_time(victim, begun);
    done->store(1);
    event.clear();
    event.set();
    EXPECT_EQ(end_of(waiting), 0) << "in round " << round;
  }
}

// With the lock, or while it takes it or gives it back.
TEST_F(KilledProcesses, WhileTheyLockLeaveALockForTheNext) {
  for (int round = 0; round < kRounds; ++round) {
    RLock lock;
    const Flag begun{0};
    const auto use = [&] {
      for (int depth = 0; depth < 2; ++depth) lock.acquire();
      for (int depth = 0; depth < 2; ++depth) lock.release();
    };
    Child victim = fork_child([&]() -> int {
      for (;;) {
        begun->store(1);
        use();
      }
    });
    Child other = fork_child([&] {
      for (int i = 0; i < 1000; ++i) use();
      return 0;
    });
    kill_at_any_time(victim, begun);
    EXPECT_EQ(end_of(other), 0) << "in round " << round;
    EXPECT_TRUE(lock.acquire(true, kHang));
    lock.release();
  }
}

class SteppedCallsOfProcesses : public Stepping {
 protected:
  // Time and again: `waits` in a process, then the victim's `call`, in which it is killed before or
  // after its next system call (it is there that it wakes others), then `afterwards` here, and the
  // one that waits must end. `waiting`: until it does so.
  void kill_in(const std::function<void()>& renew, const std::function<int()>& waits,
               const std::function<void()>& waiting, const std::function<void()>& call,
               const std::function<void()>& afterwards) {
    bool over = false;
    for (int moment = 1; !over; ++moment) {
      SCOPED_TRACE(moment);
      renew();
      Child other = fork_child(waits);
      waiting();
      Stepped victim([&call] {
        mark();
        call();
        mark();
      });
      for (int i = 0; i < moment && !over; ++i) over = !victim.to_system_call();
      victim.kill();
      afterwards();
      ASSERT_EQ(end_of(other), 0);
    }
  }
};

TEST_F(SteppedCallsOfProcesses, KilledInASetReleaseThoseThatWait) {
  std::optional<Event> event;
  std::optional<Flag> waits;
  kill_in(
      [&] {
        event.emplace();
        waits.emplace(0);
      },
      [&] {
        (*waits)->store(1);
        return event->wait(kHang) ? 0 : 1;
      },
      [&] {
        await(*waits);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      },
      [&] { event->set(); },
      [&] {
        if (!event->is_set()) event->set();
      });
}

TEST_F(SteppedCallsOfProcesses, KilledInANotifyLoseNoNotificationOfOthers) {
  std::optional<Condition> condition;
  std::optional<Flag> waits;
  kill_in(
      [&] {
        condition.emplace();
        waits.emplace(0);
      },
      [&] {
        std::lock_guard hold(*condition);
        (*waits)->store(1);
        return condition->wait(kHang) ? 0 : 1;
      },
      [&] {
        await(*waits);
        std::lock_guard hold(*condition);  // it has given it up, so it waits
      },
      [&] {
        std::lock_guard hold(*condition);
        condition->notify();
      },
      [&] {
        std::lock_guard hold(*condition);
        condition->notify();
      });
}

TEST_F(SteppedCallsOfProcesses, KilledAsTheLastToComeLetOthersThroughOrBreakTheBarrier) {
  std::optional<Barrier> barrier;
  kill_in([&] { barrier.emplace(2); },
          [&] {
            try {
              barrier->wait(kHang);
            } catch (const BrokenBarrier&) {
            }
            return 0;
          },
          [&] { await([&] { return barrier->n_waiting() != 0; }); }, [&] { barrier->wait(kHang); },
          [&] {
            // Killed before it had come it is not missed: another comes in its place.
            if (barrier->n_waiting() == 1 && !barrier->broken()) {
              try {
                barrier->wait(kHang);
              } catch (const BrokenBarrier&) {
              }
            }
          });
}

}  // namespace
}  // namespace ipc
