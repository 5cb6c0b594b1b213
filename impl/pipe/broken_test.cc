// SPDX-License-Identifier: MIT
// Pipes broken on purpose, each in one way: the contract's suite must reject each, by the check
// that names the fault, and accept the sound pipe that they are made from.
#include <gmock/gmock.h>
#include <mqueue.h>

#include "impl/driver/end_checks_test.h"
#include "impl/driver/faults_test.h"
#include "impl/driver/leftovers_test.h"
#include "impl/pipe/contract_test.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {
namespace {

class SoundEnd : public SoundCalls {
 public:
  SoundEnd(UniqueFd read, UniqueFd write)
      : read_fd_(read.get()), end_(std::move(read), std::move(write)) {}

  static constexpr char kLeftObject[] = "/ipcbench_broken_pipe";

  Status ready(Deadline deadline) override { return end_.ready(deadline); }
  int wait_fd() const { return end_.wait_fd(); }

 protected:
  Status put(Bytes message, Deadline deadline) override {
    return message.size() > kMaxMessage ? Status::too_big : end_.send_until(message, deadline);
  }
  Status get(Buffer& message, Deadline deadline) override {
    return end_.receive_until(message, deadline);
  }

  int read_fd_;

 private:
  StreamEndpoint end_;
};

// Takes the other side's hanging up for the end, with messages still there.
class EndsTooEarly : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status get(Buffer& message, Deadline deadline) override {
    if ((poll_until(read_fd_, POLLIN, deadline) & POLLHUP) != 0) return Status::closed;
    return SoundEnd::get(message, deadline);
  }
};

class NeverEnds : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status get(Buffer& message, Deadline deadline) override {
    const Status status = SoundEnd::get(message, deadline);
    while (status == Status::closed && !deadline.passed()) nap(std::chrono::milliseconds(1));
    return status == Status::closed ? Status::timed_out : status;
  }
};

// Tells its end by a message, when the first of several endpoints is closed.
class SaysGoodbye : public SoundEnd {
 public:
  using SoundEnd::SoundEnd;
  ~SaysGoodbye() override { static_cast<void>(SoundEnd::put(kGoodbye, Deadline::now())); }

 private:
  Status get(Buffer& message, Deadline deadline) override {
    const Status status = ended_ ? Status::closed : SoundEnd::get(message, deadline);
    ended_ = ended_ || (status == Status::ok && std::ranges::equal(message.bytes(), kGoodbye));
    return ended_ ? Status::closed : status;
  }
  static constexpr std::byte kGoodbye[3] = {std::byte{'b'}, std::byte{'y'}, std::byte{'e'}};
  bool ended_ = false;
};

template <class End>
class PipeOf {
 public:
  explicit PipeOf(const PipeOptions& options) {
    for (int side = 0; side < (options.duplex ? 2 : 1); ++side) {
      PipeEnds pipe = make_pipe(options.capacity_bytes);
      read_[side] = std::move(pipe.read);
      write_[1 - side] = std::move(pipe.write);
    }
  }
  std::unique_ptr<End> open(int side) {
    return std::make_unique<End>(std::move(read_[side]), std::move(write_[side]));
  }
  void drop(int side) {
    read_[side].reset();
    write_[side].reset();
  }
  std::size_t capacity_bytes() const { return 65536; }

 private:
  UniqueFd read_[2];
  UniqueFd write_[2];
};

// Each process goes on holding the side that it does not use.
class ForgetsToDrop : public PipeOf<SoundEnd> {
 public:
  using PipeOf::PipeOf;
  void drop(int) {}
};

class Boasts : public PipeOf<SoundEnd> {
 public:
  using PipeOf::PipeOf;
  std::size_t capacity_bytes() const { return std::size_t{1} << 30; }
};

const Traits kTraits{.summary = "for the test of the tests",
                     .source = "this project",
                     .max_message = SoundCalls::kMaxMessage,
                     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
                     .on_kill = "as os_pipe"};

template <PipeBackend B>
Broken<PipeEntry> backend(const char* name, const char* check, const char* words,
                          bool with_threads = true) {
  return {pipe_entry<B>(name, kTraits), check, words, with_threads};
}

template <class End>
Broken<PipeEntry> end(const char* name, const char* check, const char* words,
                      bool with_threads = true) {
  return backend<PipeOf<End>>(name, check, words, with_threads);
}

std::vector<Broken<PipeEntry>> all_broken() {
  return {
      end<Drops<SoundEnd>>("Drops", "MessagesArriveInOrder", "was lost"),
      end<Doubles<SoundEnd>>("Doubles", "MessagesArriveInOrder", "came twice"),
      end<Reorders<SoundEnd>>("Reorders", "MessagesArriveInOrder", "came out of order"),
      end<Hangs<SoundEnd>>("Hangs", "MessagesArriveInOrder", "no end"),
      end<Tears<SoundEnd>>("Tears", "MessagesKeepTheirBoundaries", "torn"),
      end<Truncates<SoundEnd>>("Truncates", "MessagesKeepTheirBoundaries",
                               "65536 bytes instead of 65537"),
      end<LosesEmpty<SoundEnd>>("LosesEmpty", "EmptyMessagesArrive", "16 bytes instead of 0"),
      end<TakesTooBig<SoundEnd>>("TakesTooBig", "TooBigMessageIsRefused", "ok instead of too_big"),
      end<NeverFull<SoundEnd>>("NeverFull", "FullPipeStopsTheSender", "without end"),
      end<SendsTheRefused<SoundEnd>>("SendsTheRefused", "FullPipeStopsTheSender", "in place of"),
      end<IgnoresDeadlines<SoundEnd>>("IgnoresDeadlines", "DeadlinesAreKept", "no end"),
      end<GivesUpAtOnce<SoundEnd>>("GivesUpAtOnce", "DeadlinesAreKept", "before its deadline"),
      end<TakesInVain<SoundEnd>>("TakesInVain", "ShortDeadlinesLoseNothing", "in place of"),
      end<MindsSignals<SoundEnd>>("MindsSignals", "SignalsDisturbNobody",
                                  "system_error instead of ok", false),
      end<AlwaysReady<SoundEnd>>("AlwaysReady", "ReadyTellsWhetherAMessageIsThere",
                                 "ok instead of timed_out"),
      end<EndsTooEarly>("EndsTooEarly", "EndOfFileFollowsTheLastMessage", "closed instead of ok"),
      end<NeverEnds>("NeverEnds", "EndOfFileFollowsTheLastMessage", "no end"),
      backend<Boasts>("Boasts", "FullPipeStopsTheSender", "it reports a capacity of 1073741824"),
      backend<ForgetsToDrop>("ForgetsToDrop", "EndOfFileFollowsTheLastMessage", "no end", false),
      end<SaysGoodbye>("SaysGoodbye", "EndOfFileWaitsForEveryCopy", "closed instead of timed_out",
                       false),
      end<Buffers<SoundEnd>>("Buffers", "KilledSenderLeavesItsMessages", "closed instead of ok",
                             false),
      end<Buffers<SoundEnd>>("BuffersUnsaid", "KillAtAnyTimeHangsNobody",
                             "of the messages of a killed sender", false),
      end<LeaksDescriptor<SoundEnd>>("LeaksDescriptor", "EndpointsLetGoOfWhatTheyOpened",
                                     "descriptors are left"),
      end<LeavesObject<SoundEnd>>("LeavesObject", "NothingIsLeftBehind", SoundEnd::kLeftObject,
                                  false),
      end<LeavesFolder<SoundEnd>>("LeavesFolder", "NothingIsLeftBehind", kTemporaryFolder, false),
      end<LeavesQueue<SoundEnd>>("LeavesQueue", "NothingIsLeftBehind", kLeftQueue, false),
  };
}

class BrokenPipe : public testing::TestWithParam<BrokenCase<PipeEntry>> {};

TEST_P(BrokenPipe, IsRejectedByTheCheckThatNamesIt) {
  const std::string& words = GetParam().broken.words;
  if (words == kLeftQueue && !KernelObjects::may_list_message_queues()) {
    GTEST_SKIP() << "message queues are not listed here";
  }
  EXPECT_THAT(named_verdict(GetParam(), pipe_checks()), testing::HasSubstr(words));
  if (words == SoundEnd::kLeftObject) shm_unlink(SoundEnd::kLeftObject);
  if (words == kTemporaryFolder) std::filesystem::remove(left_folder());
  if (words == kLeftQueue) mq_unlink(kLeftQueue);
}

INSTANTIATE_TEST_SUITE_P(Processes, BrokenPipe, testing::ValuesIn(broken_cases(all_broken())),
                         [](const auto& one) { return one.param.name(); });

class SoundPipe : public testing::TestWithParam<Case<PipeEntry>> {};

TEST_P(SoundPipe, PassesEveryCheck) {
  const auto& [entry, check, peers] = GetParam();
  if (check.waiver == needs_hang) GTEST_SKIP() << "it holds nobody up";
  EXPECT_EQ(excused(check, entry), std::nullopt);
  EXPECT_EQ(run_check(check, entry, peers, Peers::processes), std::nullopt);
}

const PipeEntry kSound = pipe_entry<PipeOf<SoundEnd>>("sound", kTraits);
INSTANTIATE_TEST_SUITE_P(Processes, SoundPipe, testing::ValuesIn(cases_of(kSound, pipe_checks())),
                         [](const auto& one) { return one.param.name(); });

}  // namespace
}  // namespace ipc
