// SPDX-License-Identifier: MIT
// Queues broken on purpose, each in one way: the contract's suite must reject each, by the check
// that names the fault, and accept the sound queue that they are made from.
#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include "impl/driver/end_checks_test.h"
#include "impl/driver/faults_test.h"
#include "impl/os/mapping.h"
#include "impl/queue/contract_test.h"
#include "impl/queue/locked_pipe.h"
#include "impl/sync/process_mutex.h"
#include "impl/sync/semaphore_word.h"

namespace ipc {
namespace {

// By which the users of a queue see that one of them was killed: each holds a lock while it is
// there.
class Lives {
 public:
  std::size_t begin() {
    const std::size_t number = users_++;
    static_cast<void>(held_.at(number).lock());
    static_cast<void>(one_was_killed(number));  // before it came
    return number;
  }
  void end(std::size_t number) { held_.at(number).unlock(); }
  // Whether somebody was killed of whom nobody else was told.
  bool one_was_killed(std::size_t but) {
    bool killed = false;
    for (std::size_t i = 0; i < users_; ++i) {
      const auto taken = i == but ? RobustMutex::Taken::timed_out : held_[i].lock(Deadline::now());
      if (taken != RobustMutex::Taken::timed_out) held_[i].unlock();
      killed = killed || taken == RobustMutex::Taken::owner_died;
    }
    return killed;
  }

  std::atomic<bool> corrupt{false};  // for one that takes it so

 private:
  std::array<RobustMutex, 16> held_;
  std::atomic<std::size_t> users_{0};
};

// What the endpoints of a queue share.
struct Core {
  LockedPipe pipe;
  const std::uint32_t max_items;
  Shared<SemaphoreWord> slots;
  Shared<SemaphoreWord> readers;  // the locks of those who do not trust the pipe's own
  Shared<SemaphoreWord> writers;
  Shared<Lives> lives;

  Core(const QueueOptions& options, std::uint32_t more_slots)
      : pipe(options.capacity_bytes),
        max_items(options.max_items == 0 ? SemaphoreWord::kMax : options.max_items + more_slots),
        slots(max_items),
        readers(1u),
        writers(1u) {}
};

class SoundUser : public SoundCalls {
 public:
  explicit SoundUser(Core& core) : core_(core) {}

  static constexpr char kLeftObject[] = "/ipcbench_broken_queue";

  Status ready(Deadline deadline) override { return core_.pipe.ready(deadline); }
  int wait_fd() const { return core_.pipe.read_fd(); }

 protected:
  Status put(Bytes message, Deadline deadline) override {
    if (message.size() > kMaxMessage) return Status::too_big;
    if (!core_.slots->acquire(deadline)) return Status::timed_out;
    const Status status = core_.pipe.send(message, deadline);
    if (status != Status::ok) core_.slots->release(core_.max_items);
    return status;
  }
  Status get(Buffer& message, Deadline deadline) override {
    const Status status = core_.pipe.receive(message, deadline);
    if (status == Status::ok) core_.slots->release(core_.max_items);
    return status;
  }

  Core& core_;
};

class EndsWhenEmpty : public SoundUser {
  using SoundUser::SoundUser;
  Status get(Buffer& message, Deadline deadline) override {
    const Status status = SoundUser::get(message, deadline);
    return status == Status::timed_out ? Status::closed : status;
  }
};

// Takes some messages back to the queue, into the slots that they had, as if it had not got them:
// in the next call, when its caller has counted them.
class Requeues : public SoundUser {
  using SoundUser::SoundUser;
  Status get(Buffer& message, Deadline deadline) override {
    if (!back_.empty()) {
      core_.pipe.send(std::exchange(back_, {}), Deadline::after(std::chrono::seconds(1)));
    }
    if (++number_ % 200 != 0) return SoundUser::get(message, deadline);
    const Status status = core_.pipe.receive(message, deadline);
    if (status == Status::ok) back_.assign(message.bytes().begin(), message.bytes().end());
    return status;
  }
  std::vector<std::byte> back_;
};

// A buffer that two threads of one endpoint take from each other.
class ForOneThread : public SoundUser {
  using SoundUser::SoundUser;
  Status put(Bytes message, Deadline deadline) override {
    swap_held({message.begin(), message.end()});
    std::this_thread::yield();
    return SoundUser::put(swap_held({}), deadline);
  }
  std::vector<std::byte> swap_held(std::vector<std::byte> bytes) {
    std::lock_guard hold(mutex_);
    return std::exchange(held_, std::move(bytes));
  }
  std::mutex mutex_;
};

// A reader lock that its holder's death leaves taken, as CPython's.
class WedgedByKill : public SoundUser {
  using SoundUser::SoundUser;
  Status get(Buffer& message, Deadline deadline) override {
    if (!core_.readers->acquire(deadline)) return Status::timed_out;
    const Status status = SoundUser::get(message, deadline);
    core_.readers->release(1);
    return status;
  }
};

// And a writer lock: whoever is killed, one of two holds one or the other.
class WedgedByAnyKill : public WedgedByKill {
  using WedgedByKill::WedgedByKill;
  Status put(Bytes message, Deadline deadline) override {
    if (!core_.writers->acquire(deadline)) return Status::timed_out;
    const Status status = WedgedByKill::put(message, deadline);
    core_.writers->release(1);
    return status;
  }
};

// For those that do wrong once, when another was killed.
class SeesKills : public SoundUser {
 public:
  explicit SeesKills(Core& core) : SoundUser(core), number_(core.lives->begin()) {}
  ~SeesKills() override { core_.lives->end(number_); }

 protected:
  bool one_was_killed() { return core_.lives->one_was_killed(number_); }

 private:
  const std::size_t number_;
};

class LosesByKill : public SeesKills {
  using SeesKills::SeesKills;
  Status put(Bytes message, Deadline deadline) override {
    return one_was_killed() ? Status::ok : SeesKills::put(message, deadline);
  }
};

class DoublesByKill : public SeesKills {
  using SeesKills::SeesKills;
  Status put(Bytes message, Deadline deadline) override {
    if (one_was_killed()) static_cast<void>(SeesKills::put(message, Deadline::never()));
    return SeesKills::put(message, deadline);
  }
};

class CorruptByKill : public SeesKills {
  using SeesKills::SeesKills;
  bool is_corrupt() {
    if (one_was_killed()) core_.lives->corrupt = true;
    return core_.lives->corrupt;
  }
  Status put(Bytes message, Deadline deadline) override {
    return is_corrupt() ? Status::corrupt : SeesKills::put(message, deadline);
  }
  Status get(Buffer& message, Deadline deadline) override {
    return is_corrupt() ? Status::corrupt : SeesKills::get(message, deadline);
  }
};

class LeavesThread : public SoundUser {
 public:
  explicit LeavesThread(Core& core) : SoundUser(core) {
    std::thread([] { nap(std::chrono::seconds(30)); }).detach();
  }
};

template <class User, std::uint32_t more_slots = 0>
class QueueOf {
 public:
  explicit QueueOf(const QueueOptions& options) : core_(options, more_slots) {}
  std::unique_ptr<User> open() { return std::make_unique<User>(core_); }
  std::size_t capacity_bytes() const { return core_.pipe.capacity_bytes(); }
  std::uint32_t size() const { return core_.max_items - core_.slots->value(); }

 private:
  Core core_;
};

class Miscounts : public QueueOf<SoundUser> {
 public:
  using QueueOf::QueueOf;
  std::uint32_t size() const { return QueueOf::size() / 2; }
};

const Traits kTraits{.summary = "for the test of the tests",
                     .source = "this project",
                     .max_message = SoundCalls::kMaxMessage,
                     .capacity = CapacityUnit::items,
                     .producers = kMany,
                     .consumers = kMany,
                     .killed = {.inside = AfterKill::error},
                     .on_kill = "as pipe_locked"};

template <QueueBackend B>
Broken<QueueEntry> backend(const char* name, const char* check, const char* words,
                           bool with_threads = true) {
  return {queue_entry<B>(name, kTraits), check, words, with_threads};
}

template <class User>
Broken<QueueEntry> user(const char* name, const char* check, const char* words,
                        bool with_threads = true) {
  return backend<QueueOf<User>>(name, check, words, with_threads);
}

// Sound, but said to hold others up.
Broken<QueueEntry> says_it_hangs() {
  Traits traits = kTraits;
  traits.killed.inside = AfterKill::hang;
  return {queue_entry<QueueOf<SoundUser>>("SaysItHangs", traits), "KillInsideACallHoldsOthersUp",
          "held nobody up", false};
}

// The same of messages that are lost.
Broken<QueueEntry> says_it_loses() {
  Traits traits = kTraits;
  traits.killed.inside = AfterKill::loss;
  return {queue_entry<QueueOf<SoundUser>>("SaysItLoses", traits), "KillInsideACallLosesMessages",
          "no message is lost", false};
}

// And of a kill while it waits, which others are said not to survive.
Broken<QueueEntry> says_others_hang() {
  Traits traits = kTraits;
  traits.survives_kill = false;
  traits.killed.receiving = AfterKill::hang;
  return {queue_entry<QueueOf<SoundUser>>("SaysOthersHang", traits), "KillIsNoticedAsTheTraitsSay",
          "killed while receiving: nothing, but its traits say hang", false};
}

// Holds others up, but not beyond their deadlines.
Broken<QueueEntry> says_time_outs_are_hangs() {
  Traits traits = kTraits;
  traits.survives_kill = false;
  traits.killed.receiving = AfterKill::hang;
  return {queue_entry<QueueOf<WedgedByKill>>("SaysTimeOutsAreHangs", traits),
          "KillIsNoticedAsTheTraitsSay",
          "killed while receiving: time-out, but its traits say hang", false};
}

// Never corrupt, by what it says.
Broken<QueueEntry> corrupt_by_kill() {
  Traits traits = kTraits;
  traits.killed.inside = AfterKill::nothing;
  return {queue_entry<QueueOf<CorruptByKill>>("CorruptByKill", traits), "KillAtAnyTimeHangsNobody",
          ": corrupt instead of ", false};
}

std::vector<Broken<QueueEntry>> all_broken() {
  return {
      says_it_hangs(),
      says_it_loses(),
      says_others_hang(),
      says_time_outs_are_hangs(),
      user<Drops<SoundUser>>("Drops", "MessagesArriveInOrder", "was lost"),
      user<Doubles<SoundUser>>("Doubles", "MessagesArriveInOrder", "came twice"),
      user<Reorders<SoundUser>>("Reorders", "MessagesArriveInOrder", "came out of order"),
      user<Hangs<SoundUser>>("Hangs", "MessagesArriveInOrder", "no end"),
      user<Tears<SoundUser>>("Tears", "MessagesKeepTheirBoundaries", "torn"),
      user<Truncates<SoundUser>>("Truncates", "MessagesKeepTheirBoundaries",
                                 "65536 bytes instead of 65537"),
      user<LosesEmpty<SoundUser>>("LosesEmpty", "EmptyMessagesArrive", "16 bytes instead of 0"),
      user<TakesTooBig<SoundUser>>("TakesTooBig", "TooBigMessageIsRefused",
                                   "ok instead of too_big"),
      user<NeverFull<SoundUser>>("NeverFull", "FullQueueStopsTheSender", "without end"),
      user<SendsTheRefused<SoundUser>>("SendsTheRefused", "FullQueueStopsTheSender", "in place of"),
      backend<QueueOf<SoundUser, 1>>("TakesOneMore", "FullQueueStopsTheSender",
                                     "9 items instead of 8"),
      backend<Miscounts>("Miscounts", "SizeCountsTheItems", "size() is 0 instead of 1"),
      user<IgnoresDeadlines<SoundUser>>("IgnoresDeadlines", "DeadlinesAreKept", "no end"),
      user<GivesUpAtOnce<SoundUser>>("GivesUpAtOnce", "DeadlinesAreKept", "before its deadline"),
      user<TakesInVain<SoundUser>>("TakesInVain", "ShortDeadlinesLoseNothing", "in place of"),
      user<MindsSignals<SoundUser>>("MindsSignals", "SignalsDisturbNobody",
                                    "system_error instead of ok", false),
      user<AlwaysReady<SoundUser>>("AlwaysReady", "ReadyTellsWhetherAMessageIsThere",
                                   "ok instead of timed_out"),
      user<EndsWhenEmpty>("EndsWhenEmpty", "MessagesOutliveTheirProducer",
                          "closed instead of timed_out"),
      user<Requeues>("Requeues", "EachMessageReachesOneOf2ConsumersFrom2Producers", "came twice"),
      user<ForOneThread>("ForOneThread", "OneEndpointServesSeveralThreads", " bytes instead of 64"),
      user<WedgedByKill>("WedgedByKill", "KilledWhileReceivingDelaysNobody", "no end", false),
      user<WedgedByAnyKill>("WedgedByAnyKill", "KillAtAnyTimeHangsNobody", " hangs ", false),
      user<LosesByKill>("LosesByKill", "KillAtAnyTimeHangsNobody", "were lost with a killed",
                        false),
      user<DoublesByKill>("DoublesByKill", "KillAtAnyTimeHangsNobody", "came twice", false),
      corrupt_by_kill(),
      user<WedgedByKill>("WedgedByKillUnsaid", "KillIsNoticedAsTheTraitsSay",
                         "killed while receiving: time-out, but its traits say nothing", false),
      user<Buffers<SoundUser>>("Buffers", "KilledSenderLeavesItsMessages",
                               "timed_out instead of ok", false),
      user<LeaksDescriptor<SoundUser>>("LeaksDescriptor", "EndpointsLetGoOfWhatTheyOpened",
                                       "descriptors are left"),
      user<LeavesThread>("LeavesThread", "EndpointsLetGoOfWhatTheyOpened", "threads are left"),
      user<LeavesObject<SoundUser>>("LeavesObject", "NothingIsLeftBehind", SoundUser::kLeftObject,
                                    false),
  };
}

class BrokenQueue : public testing::TestWithParam<BrokenCase<QueueEntry>> {};

TEST_P(BrokenQueue, IsRejectedByTheCheckThatNamesIt) {
  const std::string& words = GetParam().broken.words;
  EXPECT_THAT(named_verdict(GetParam(), queue_checks()), testing::HasSubstr(words));
  if (words == SoundUser::kLeftObject) shm_unlink(SoundUser::kLeftObject);
}

INSTANTIATE_TEST_SUITE_P(Processes, BrokenQueue, testing::ValuesIn(broken_cases(all_broken())),
                         [](const auto& one) { return one.param.name(); });

class SoundQueue : public testing::TestWithParam<Case<QueueEntry>> {};

TEST_P(SoundQueue, PassesEveryCheck) {
  const auto& [entry, check, peers] = GetParam();
  if (check.name == std::string("KillInsideACallLosesMessages") || check.waiver == needs_hang) {
    GTEST_SKIP() << "it loses nothing and holds nobody up";
  }
  EXPECT_EQ(excused(check, entry), std::nullopt);
  EXPECT_EQ(run_check(check, entry, peers, Peers::processes), std::nullopt);
}

const QueueEntry kSound = queue_entry<QueueOf<SoundUser>>("sound", kTraits);
INSTANTIATE_TEST_SUITE_P(Processes, SoundQueue, testing::ValuesIn(cases_of(kSound, queue_checks())),
                         [](const auto& one) { return one.param.name(); });

}  // namespace
}  // namespace ipc
