// SPDX-License-Identifier: MIT
// Pipes broken on purpose, each in one way: the contract's suite must reject each, by the check
// that names the fault, and accept the sound pipe that they are made from. All run in a process of
// their own, as some of them hang.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "impl/pipe/contract_test.h"
#include "impl/pipe/stream_endpoint.h"

namespace ipc {
namespace {

using Bytes = std::span<const std::byte>;
constexpr std::size_t kMaxMessage = 1 << 20;

// Sound. The broken ones override what all sends, all receives, or all questions go through.
class SoundEnd {
 public:
  SoundEnd(UniqueFd read, UniqueFd write)
      : read_fd_(read.get()), end_(std::move(read), std::move(write)) {}
  virtual ~SoundEnd() = default;
  SoundEnd(const SoundEnd&) = delete;
  SoundEnd& operator=(const SoundEnd&) = delete;

  Status send(Bytes message) { return put(message, Deadline::never()); }
  Status receive(Buffer& message) { return get(message, Deadline::never()); }
  Status send_until(Bytes message, Deadline deadline) { return put(message, deadline); }
  Status receive_until(Buffer& message, Deadline deadline) { return get(message, deadline); }
  virtual Status ready(Deadline deadline) { return end_.ready(deadline); }
  int wait_fd() const { return end_.wait_fd(); }

 protected:
  virtual Status put(Bytes message, Deadline deadline) {
    return message.size() > kMaxMessage ? Status::too_big : end_.send_until(message, deadline);
  }
  virtual Status get(Buffer& message, Deadline deadline) {
    return end_.receive_until(message, deadline);
  }

  int read_fd_;
  std::uint64_t number_ = 0;  // for those who count

 private:
  StreamEndpoint end_;
};

class Drops : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    return ++number_ % 100 == 0 ? Status::ok : SoundEnd::put(message, deadline);
  }
};

class Doubles : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    if (++number_ % 100 == 0) static_cast<void>(SoundEnd::put(message, deadline));
    return SoundEnd::put(message, deadline);
  }
};

class Reorders : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    if (++number_ % 100 == 0) {
      held_.assign(message.begin(), message.end());
      return Status::ok;
    }
    const Status status = SoundEnd::put(message, deadline);
    if (!held_.empty()) static_cast<void>(SoundEnd::put(std::exchange(held_, {}), deadline));
    return status;
  }
  std::vector<std::byte> held_;
};

// The second half of a message is the one before it.
class Tears : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    std::vector<std::byte> torn(message.begin(), message.end());
    const std::size_t half = std::min(torn.size() / 2, before_.size());
    if (++number_ % 5 == 0)
      std::copy_n(before_.begin(), half, torn.end() - static_cast<std::ptrdiff_t>(half));
    before_.assign(message.begin(), message.end());
    return SoundEnd::put(torn, deadline);
  }
  std::vector<std::byte> before_;
};

class Truncates : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    return SoundEnd::put(message.first(std::min<std::size_t>(message.size(), 65536)), deadline);
  }
};

class Hangs : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status get(Buffer& message, Deadline deadline) override {
    while (number_ == 500) nap(std::chrono::seconds(1));
    ++number_;
    return SoundEnd::get(message, deadline);
  }
};

class IgnoresDeadlines : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status get(Buffer& message, Deadline) override {
    return SoundEnd::get(message, Deadline::never());
  }
};

class GivesUpAtOnce : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status get(Buffer& message, Deadline deadline) override {
    return SoundEnd::get(message, deadline.is_never() ? deadline : Deadline::now());
  }
};

// What comes just after the deadline is taken and lost.
class ConsumesInVain : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status get(Buffer& message, Deadline deadline) override {
    const Status status = SoundEnd::get(message, deadline);
    const auto moment = Deadline::after(std::chrono::milliseconds(1));
    if (status == Status::timed_out) static_cast<void>(SoundEnd::get(message, moment));
    return status;
  }
};

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

// Tells its end by a message of its own, at the first endpoint that is closed.
class SaysGoodbye : public SoundEnd {
 public:
  using SoundEnd::SoundEnd;
  ~SaysGoodbye() override { static_cast<void>(SoundEnd::put(kGoodbye, Deadline::now())); }

 private:
  Status get(Buffer& message, Deadline deadline) override {
    const Status status = ended_ ? Status::closed : SoundEnd::get(message, deadline);
    ended_ = status == Status::ok && std::ranges::equal(message.bytes(), kGoodbye);
    return ended_ ? Status::closed : status;
  }
  static constexpr std::byte kGoodbye[3] = {std::byte{'b'}, std::byte{'y'}, std::byte{'e'}};
  bool ended_ = false;
};

class TakesTooBig : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    return message.size() > kMaxMessage ? Status::ok : SoundEnd::put(message, deadline);
  }
};

class LosesEmpty : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    return message.empty() ? Status::ok : SoundEnd::put(message, deadline);
  }
};

class NeverFull : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    const Status status = SoundEnd::put(message, deadline);
    return status == Status::timed_out ? Status::ok : status;
  }
};

// Sends the message that it refused with the next one.
class SendsTheRefused : public SoundEnd {
  using SoundEnd::SoundEnd;
  Status put(Bytes message, Deadline deadline) override {
    if (!held_.empty())
      static_cast<void>(SoundEnd::put(std::exchange(held_, {}), Deadline::never()));
    const Status status = SoundEnd::put(message, deadline);
    if (status == Status::timed_out) held_.assign(message.begin(), message.end());
    return status;
  }
  std::vector<std::byte> held_;
};

// A buffer of one message, which dies with the process.
class Buffers : public SoundEnd {
 public:
  using SoundEnd::SoundEnd;
  ~Buffers() override { write_out(); }

 private:
  Status put(Bytes message, Deadline) override {
    write_out();
    held_.assign(message.begin(), message.end());
    return Status::ok;
  }
  void write_out() {
    if (!held_.empty())
      static_cast<void>(SoundEnd::put(std::exchange(held_, {}), Deadline::never()));
  }
  std::vector<std::byte> held_;
};

class AlwaysReady : public SoundEnd {
 public:
  using SoundEnd::SoundEnd;
  Status ready(Deadline) override { return Status::ok; }
};

class LeaksDescriptor : public SoundEnd {
 public:
  LeaksDescriptor(UniqueFd read, UniqueFd write) : SoundEnd(std::move(read), std::move(write)) {
    static_cast<void>(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
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

constexpr char kLeftObject[] = "/ipcbench_broken_pipe";

class LeavesObject : public PipeOf<SoundEnd> {
 public:
  explicit LeavesObject(const PipeOptions& options) : PipeOf(options) {
    UniqueFd(shm_open(kLeftObject, O_RDWR | O_CREAT, 0600));
  }
};

const Traits kTraits{.summary = "for the test of the tests",
                     .source = "this project",
                     .max_message = kMaxMessage,
                     .on_kill = "as os_pipe"};

struct Fault {
  PipeEntry entry;
  std::string check;  // the one that must find it
  std::string words;  // in what it says
  bool with_threads = true;
};

template <PipeBackend B>
Fault fault(const char* name, const char* check, const char* words, bool with_threads = true) {
  return {pipe_entry<B>(name, kTraits), check, words, with_threads};
}

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = {
      fault<PipeOf<Drops>>("Drops", "MessagesArriveInOrder", "was lost"),
      fault<PipeOf<Doubles>>("Doubles", "MessagesArriveInOrder", "came twice"),
      fault<PipeOf<Reorders>>("Reorders", "MessagesArriveInOrder", "came out of order"),
      fault<PipeOf<Hangs>>("Hangs", "MessagesArriveInOrder", "no end"),
      fault<PipeOf<Tears>>("Tears", "MessagesKeepTheirBoundaries", "torn"),
      fault<PipeOf<Truncates>>("Truncates", "MessagesKeepTheirBoundaries",
                               "65536 bytes instead of 65537"),
      fault<PipeOf<LosesEmpty>>("LosesEmpty", "EmptyMessagesArrive", "16 bytes instead of 0"),
      fault<PipeOf<TakesTooBig>>("TakesTooBig", "TooBigMessageIsRefused", "ok instead of too_big"),
      fault<PipeOf<NeverFull>>("NeverFull", "FullPipeStopsTheSender", "without end"),
      fault<PipeOf<SendsTheRefused>>("SendsTheRefused", "FullPipeStopsTheSender", "in place of"),
      fault<PipeOf<IgnoresDeadlines>>("IgnoresDeadlines", "DeadlinesAreKept", "no end"),
      fault<PipeOf<GivesUpAtOnce>>("GivesUpAtOnce", "DeadlinesAreKept", "before its deadline"),
      fault<PipeOf<ConsumesInVain>>("ConsumesInVain", "ShortDeadlinesLoseNothing", "in place of"),
      fault<PipeOf<AlwaysReady>>("AlwaysReady", "ReadyTellsWhetherAMessageIsThere",
                                 "ok instead of timed_out"),
      fault<PipeOf<EndsTooEarly>>("EndsTooEarly", "EndOfFileFollowsTheLastMessage",
                                  "closed instead of ok"),
      fault<PipeOf<NeverEnds>>("NeverEnds", "EndOfFileFollowsTheLastMessage", "no end"),
      fault<ForgetsToDrop>("ForgetsToDrop", "EndOfFileFollowsTheLastMessage", "no end", false),
      fault<PipeOf<SaysGoodbye>>("SaysGoodbye", "EndOfFileWaitsForEveryCopy",
                                 "closed instead of timed_out", false),
      fault<PipeOf<Buffers>>("Buffers", "KilledSenderLeavesItsMessages", "closed instead of ok",
                             false),
      fault<PipeOf<LeaksDescriptor>>("LeaksDescriptor", "NothingIsLeftBehind",
                                     "descriptors are left"),
      fault<LeavesObject>("LeavesObject", "NothingIsLeftBehind", kLeftObject),
  };
  return all;
}

struct FaultCase {
  Fault fault;
  Peers peers;

  std::string name() const {
    return fault.entry.name + (peers == Peers::threads ? "_Threads" : "_Processes");
  }
  friend std::ostream& operator<<(std::ostream& out, const FaultCase& self) {
    return out << self.name();
  }
};

std::vector<FaultCase> fault_cases() {
  std::vector<FaultCase> cases;
  for (const Fault& one : faults()) {
    if (one.with_threads) cases.push_back({one, Peers::threads});
    cases.push_back({one, Peers::processes});
  }
  return cases;
}

class BrokenPipe : public testing::TestWithParam<FaultCase> {};

TEST_P(BrokenPipe, IsRejectedByTheCheckThatNamesIt) {
  const auto& [fault, peers] = GetParam();
  const auto& checks = pipe_checks();
  const auto check = std::ranges::find(checks, fault.check, &Check<PipeEntry>::name);
  ASSERT_NE(check, checks.end());
  const std::chrono::seconds limit =
      fault.words == "no end" ? std::chrono::seconds(3) : kCheckLimit;
  const Verdict wrong = run_check(*check, fault.entry, peers, Peers::processes, limit);
  shm_unlink(kLeftObject);
  ASSERT_TRUE(wrong.has_value());
  EXPECT_THAT(*wrong, testing::HasSubstr(fault.words));
}

INSTANTIATE_TEST_SUITE_P(Processes, BrokenPipe, testing::ValuesIn(fault_cases()),
                         [](const auto& one) { return one.param.name(); });

class SoundPipe : public testing::TestWithParam<Case<PipeEntry>> {};

TEST_P(SoundPipe, PassesEveryCheck) {
  const auto& [entry, check, peers] = GetParam();
  EXPECT_EQ(excused(check, entry), std::nullopt);
  EXPECT_EQ(run_check(check, entry, peers, Peers::processes), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Processes, SoundPipe,
                         testing::ValuesIn(cases_of(pipe_entry<PipeOf<SoundEnd>>("sound", kTraits),
                                                    pipe_checks())),
                         [](const auto& one) { return one.param.name(); });

}  // namespace
}  // namespace ipc
