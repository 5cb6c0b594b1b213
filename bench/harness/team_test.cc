// SPDX-License-Identifier: MIT
// The harness over real peers, good ones and bad ones: what goes wrong must be an error that says
// who and why.
#include "bench/harness/team.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

#include "bench/harness/pipe_peers.h"
#include "impl/os/affinity.h"
#include "impl/os/futex.h"

namespace ipc::bench {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr RunOptions kQuick{
    .messages = 100, .batches = 2, .capacity_bytes = 65536, .time_limit = 20};

Job make_job(LoopResult (*run)(const LoopPlan&)) { return run; }

LoopResult do_nothing(const LoopPlan& plan) {
  return {.messages = plan.messages, .begin_ns = monotonic_ns(), .end_ns = monotonic_ns()};
}

// A producer that does nothing and a consumer that does `run`.
TeamPlan stream_to(LoopResult (*run)(const LoopPlan&)) {
  TeamPlan plan;
  plan.bytes = 64;
  plan.clock = Clock::stream;
  plan.producers = {{.name = "producer 0", .open = [] { return make_job(do_nothing); }}};
  plan.consumers = {{.name = "consumer 0", .open = [run] { return make_job(run); }}};
  return plan;
}

auto run_team(TeamPlan plan, RunOptions options = kQuick) {
  return [plan = std::move(plan), options] { Team(plan, options).batch(); };
}

TEST(TeamOfProcesses, BillsEveryPeer) {
  Team team(stream_to([](const LoopPlan& plan) {
              LoopResult result = do_nothing(plan);
              while (monotonic_ns() < result.begin_ns + 2'000'000) {
              }
              result.end_ns = monotonic_ns();
              return result;
            }),
            kQuick);
  team.batch();
  EXPECT_EQ(team.bill().messages, 100u) << "the warm-up is not billed";
  EXPECT_GT(team.bill().cpu_ns, 0);
}

TEST(TeamOfProcesses, AsksTwiceBeforeItBelievesASlowMessage) {
  RunOptions calibrating = kQuick;
  calibrating.messages = 0;
  Team team(stream_to([](const LoopPlan& plan) {
              static bool interrupted = true;  // in the first call of the peer
              LoopResult result = do_nothing(plan);
              const auto messages = static_cast<std::int64_t>(plan.messages);
              const std::int64_t time = 1000 * messages + (interrupted ? 50'000'000 : 0);
              interrupted = false;
              while (monotonic_ns() < result.begin_ns + time) {
              }
              result.end_ns = monotonic_ns();
              return result;
            }),
            calibrating);
  EXPECT_GT(team.messages_per_batch(), 100u) << "one message was taken for the whole batch";
}

// As with null: what the consumer gets, nobody sends.
TEST(TeamOfProcesses, TimesConsumersThatWaitForNobodyFromTheirBegin) {
  TeamPlan plan = stream_to(do_nothing);
  plan.producers.front().open = []() -> Job {
    return [](const LoopPlan& batch) {
      usleep(20'000);
      return do_nothing(batch);
    };
  };
  Team team(plan, kQuick);
  EXPECT_GT(team.batch(), 0);
}

// A helper that uses CPU time and naps during a batch only, itself or in a process that it starts,
// and a consumer that sleeps until then.
TEST(TeamOfProcesses, BillsItsHelpersAndThoseThatTheyStart) {
  constexpr std::clock_t kBurned = CLOCKS_PER_SEC / 200;
  constexpr int kNaps = 100;
  static Shared<std::atomic<std::uint32_t>> batch_runs;
  const auto work = [] {
    for (;; *batch_runs = 0, futex_wake(*batch_runs, 1)) {
      while (*batch_runs == 0) usleep(100);
      const std::clock_t begin = std::clock();
      while (std::clock() - begin < kBurned) {
      }
      for (int i = 0; i < kNaps; ++i) usleep(100);
    }
  };
  const auto let_another_work = [work] {
    const Child other = fork_child([work] {
      work();
      return 0;
    });
    for (;;) pause();
  };
  for (const std::function<void()>& serve :
       std::vector<std::function<void()>>{work, let_another_work}) {
    TeamPlan plan = stream_to([](const LoopPlan& batch) {
      *batch_runs = 1;
      while (*batch_runs == 1) futex_wait(*batch_runs, 1, Deadline::never());
      return do_nothing(batch);
    });
    plan.helpers = {{.name = "broker", .serve = serve}};
    Team team(plan, kQuick);
    team.batch();
    EXPECT_GE(team.bill().cpu_ns, 5e6);
    // On a busy machine a nap may be over before the process sleeps.
    EXPECT_GE(team.bill().voluntary_switches, kNaps / 2);
  }
}

TEST(TeamOfProcesses, SaysWhichHelperDiedWhoeverElseWaits) {
  TeamPlan plan = stream_to([](const LoopPlan&) -> LoopResult {
    for (;;) pause();
  });
  plan.helpers = {{.name = "broker", .serve = [] { _exit(4); }}};
  EXPECT_THAT(run_team(plan),
              ThrowsMessage<std::runtime_error>(HasSubstr("broker ended early with status 4")));
}

TEST(TeamOfProcesses, PlacesItsHelpersBehindThePeers) {
  const std::vector<int> cpus = allowed_cpus();
  const auto place_of = [](Placement placement) {
    static Shared<std::atomic<int>> cpu;
    *cpu = -1;
    TeamPlan plan = stream_to(do_nothing);
    plan.placement = placement;
    plan.helpers = {{.name = "broker", .serve = [] {
                       const std::vector<int> mine = allowed_cpus();
                       *cpu = mine.size() == 1 ? mine[0] : -2;
                       for (;;) pause();
                     }}};
    Team team(plan, kQuick);
    const Deadline limit = Deadline::after(std::chrono::seconds(60));
    while (*cpu == -1 && !limit.passed()) usleep(100);
    return cpu->load();
  };
  EXPECT_EQ(place_of(Placement::same), cpus.back());
  EXPECT_EQ(place_of(Placement::cross), cpus[2 % cpus.size()]) << "after a producer and a consumer";
  EXPECT_EQ(place_of(Placement::free), cpus.size() == 1 ? cpus[0] : -2);
}

TEST(TeamOfProcesses, SharesMessagesEvenly) {
  TeamPlan plan = stream_to(do_nothing);
  plan.producers.clear();
  for (const char* name : {"producer 0", "producer 1", "producer 2"}) {
    plan.producers.push_back(
        {.name = name, .share = 3, .open = [] { return make_job(do_nothing); }});
  }
  Team team(plan, kQuick);
  EXPECT_EQ(team.messages_per_batch(), 102u) << "rounded up to what three can share";
}

TEST(TeamOfProcesses, SaysWhoDied) {
  EXPECT_THAT(
      run_team(stream_to([](const LoopPlan&) -> LoopResult {
        raise(SIGKILL);
        return {};
      })),
      ThrowsMessage<std::runtime_error>(HasSubstr("consumer 0 ended early with status -9")));
}

TEST(TeamOfProcesses, SaysWhoDiedWhoeverElseWaits) {
  TeamPlan plan = stream_to([](const LoopPlan&) -> LoopResult {
    for (;;) pause();
  });
  plan.producers[0].open = [] { return make_job([](const LoopPlan&) -> LoopResult { _exit(5); }); };
  EXPECT_THAT(run_team(plan),
              ThrowsMessage<std::runtime_error>(HasSubstr("producer 0 ended early with status 5")));
}

TEST(TeamOfProcesses, SaysWhoHangs) {
  RunOptions options = kQuick;
  options.time_limit = 0.05;
  EXPECT_THAT(run_team(stream_to([](const LoopPlan&) -> LoopResult {
                         for (;;) pause();
                       }),
                       options),
              ThrowsMessage<std::runtime_error>(HasSubstr("consumer 0 did not answer in time")));
}

TEST(TeamOfProcesses, SaysWhatWasWrongWithAMessage) {
  EXPECT_THAT(run_team(stream_to([](const LoopPlan&) {
                return LoopResult{.fault = Fault::lost, .messages = 17};
              })),
              ThrowsMessage<std::runtime_error>(
                  HasSubstr("consumer 0, message 17 of the batch: a message was lost")));
}

TEST(TeamOfProcesses, SaysWhatWasWrongThoughAnotherWaitsForThatPeer) {
  TeamPlan plan =
      stream_to([](const LoopPlan&) { return LoopResult{.fault = Fault::torn, .messages = 3}; });
  plan.producers[0].open = [] {
    return make_job([](const LoopPlan&) -> LoopResult {
      for (;;) pause();
    });
  };
  EXPECT_THAT(run_team(plan),
              ThrowsMessage<std::runtime_error>(HasSubstr("do not belong together")));
}

TEST(TeamOfProcesses, SaysWhatAPeerThrew) {
  EXPECT_THAT(run_team(stream_to([](const LoopPlan&) -> LoopResult {
                throw std::runtime_error("byte 7 is odd");
              })),
              ThrowsMessage<std::runtime_error>(HasSubstr("consumer 0: byte 7 is odd")));
}

TEST(TeamOfProcesses, NoticesAMessageThatWentTwiceAndOneThatWentMissing) {
  EXPECT_THAT(run_team(stream_to([](const LoopPlan& plan) {
                LoopResult result = do_nothing(plan);
                result.sum = 1;
                return result;
              })),
              ThrowsMessage<std::runtime_error>(HasSubstr("did not get what the producers sent")));
}

TEST(TeamOfProcesses, SaysWhoCouldNotStart) {
  TeamPlan plan = stream_to(do_nothing);
  plan.consumers[0].open = []() -> Job { throw std::runtime_error("no such transport"); };
  EXPECT_THAT(run_team(plan), ThrowsMessage<std::runtime_error>(
                                  HasSubstr("consumer 0 could not start: no such transport")));
}

TEST(TeamOfProcesses, LeavesNoPeerBehind) {
  Shared<std::atomic<pid_t>> pid;
  Shared<std::atomic<pid_t>> helper;
  TeamPlan plan = stream_to(do_nothing);
  plan.consumers[0].open = [&] {
    *pid = getpid();
    while (*helper == 0) usleep(100);
    return make_job(do_nothing);
  };
  plan.helpers = {{.name = "broker", .serve = [&] {
                     *helper = getpid();
                     for (;;) pause();
                   }}};
  run_team(plan)();
  EXPECT_EQ(kill(pid->load(), 0), -1);
  EXPECT_EQ(kill(helper->load(), 0), -1);
}

TEST(SeriesOfProcesses, MeasureEveryPlacement) {
  for (const Placement placement : kPlacements) {
    const auto pipe = make_pipe_backend(PipeRegistry::get("os_pipe"),
                                        {.bytes = 64, .placement = placement}, kQuick, true);
    TeamPlan plan = pipe_plan(pipe, {.bytes = 64, .placement = placement});
    plan.producers = {{.name = "ping", .open = [pipe]() -> Job {
                         return [end = open_side(*pipe, 0),
                                 check = SequenceCheck()](const LoopPlan& batch) mutable {
                           static Histogram times;
                           return end->ping(*end, batch, check, times);
                         };
                       }}};
    plan.consumers = {{.name = "pong", .open = [pipe]() -> Job {
                         return [end = open_side(*pipe, 1),
                                 check = SequenceCheck()](const LoopPlan& batch) mutable {
                           return end->pong(*end, batch, check);
                         };
                       }}};
    Team team(std::move(plan), kQuick);
    EXPECT_GT(team.batch(), 0) << to_string(placement);
  }
}

TEST(Series, AreNamedInTheOrderOfTheKeys) {
  Series series;
  series.question = "queue_throughput";
  series.backend = "pipe_locked";
  series.keys = {.bytes = 64, .producers = 2, .consumers = 1, .placement = Placement::free};
  EXPECT_EQ(series.name(),
            "queue_throughput/pipe_locked/bytes:64/producers:2/consumers:1/placement:free");
}

TEST(Series, AreSkippedWithAReason) {
  Traits traits;
  traits.max_message = 100;
  traits.wait_class = WaitClass::spin;
  const auto reason = [&](Keys keys, int peers = 2) {
    return reason_to_skip(traits, keys, peers).value_or("");
  };
  EXPECT_THAT(reason({.bytes = 101}), HasSubstr("at most 100 bytes"));
  EXPECT_THAT(reason({.bytes = 1, .producers = 2}), HasSubstr("at most 1 producers"));
  EXPECT_THAT(reason({.bytes = 1, .placement = Placement::same}), HasSubstr("spinning"));
  EXPECT_THAT(reason({.bytes = 1, .placement = Placement::cross}, 10'000), HasSubstr("spinning"));
  EXPECT_EQ(reason({.bytes = 1, .placement = Placement::free}, 10'000), "");
  traits.available = [] { return std::optional<std::string>("not on this machine"); };
  EXPECT_EQ(reason({.bytes = 1}), "not on this machine");
}

}  // namespace
}  // namespace ipc::bench
