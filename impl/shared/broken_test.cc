// SPDX-License-Identifier: MIT
// Memories and locks broken on purpose, each in one way: the contract's suite must reject each, by
// the check that names the fault, and accept the sound ones that they are made from.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <cstring>
#include <list>
#include <new>

#include "impl/driver/faults_test.h"
#include "impl/os/mapping.h"
#include "impl/shared/contract_test.h"
#include "impl/shared/in_place.h"
#include "impl/sync/lock_word.h"

namespace ipc {
namespace {

constexpr char kLeftName[] = "/ipcbench_broken_memory";

class SoundLock : public GuardedBy<LockWord> {
 public:
  using GuardedBy::GuardedBy;
  Status acquire(Deadline deadline) {
    return state_.acquire(deadline) ? Status::ok : Status::timed_out;
  }
  void release() { state_.release(); }
};

class ExcludesNobody : public SoundLock {
 public:
  using SoundLock::SoundLock;
  Status acquire(Deadline) { return Status::ok; }
  void release() {}
};

class ForgetsDeadlines : public SoundLock {
 public:
  using SoundLock::SoundLock;
  Status acquire(Deadline) { return SoundLock::acquire(Deadline::never()); }
};

class GivesUpEarly : public SoundLock {
 public:
  using SoundLock::SoundLock;
  Status acquire(Deadline deadline) {
    return SoundLock::acquire(deadline.is_never() ? deadline : Deadline::now());
  }
};

// Says that it may be read alone, and its writers stop halfway.
class TornWhenReadAlone : public SoundLock {
 public:
  static constexpr bool kReadsAlone = true;
  using SoundLock::SoundLock;
  void write(std::size_t offset, std::span<const std::byte> from) {
    const std::size_t half = from.size() / 2;
    SoundLock::write(offset, from.first(half));
    nap(std::chrono::microseconds(100));
    SoundLock::write(offset + half, from.subspan(half));
  }
};

class WritesTooMuch : public SoundLock {
 public:
  explicit WritesTooMuch(const Guarded& guarded) : SoundLock(guarded), guarded_(guarded) {}
  void write(std::size_t offset, std::span<const std::byte> from) {
    SoundLock::write(offset, from);
    if (offset != 0) guarded_.value[offset - 1] = std::byte{0xff};
  }

 private:
  Guarded guarded_;
};

// Knows no holder, and says it does.
class OutlivesItsHolder : public InPlaceValue {
 public:
  static std::size_t room(std::size_t) { return sizeof(Word); }
  explicit OutlivesItsHolder(const Guarded& guarded)
      : InPlaceValue(guarded), word_(*::new (guarded.room) Word{0}) {}
  Status acquire(Deadline deadline) {
    while (word_.exchange(1) != 0) {
      if (deadline.passed()) return Status::timed_out;
      nap(std::chrono::microseconds(50));
    }
    nap(std::chrono::microseconds(20));  // a kill is to meet it
    return Status::ok;
  }
  void release() { word_.store(0); }

 private:
  using Word = std::atomic<std::uint32_t>;
  Word& word_;
};

// Takes a stopped holder for dead.
class Impatient : public SoundLock {
 public:
  using SoundLock::SoundLock;
  Status acquire(Deadline deadline) {
    const Deadline soon = deadline.within(std::chrono::milliseconds(100));
    if (SoundLock::acquire(soon) == Status::ok || deadline.passed()) return Status::ok;
    state_.release();
    return SoundLock::acquire(deadline);
  }
};

// Two atomic accesses instead of one operation.
class ExchangesInTwoSteps : public InPlaceValue {
 public:
  static constexpr bool kReadsAlone = true;
  static std::size_t room(std::size_t) { return 0; }
  using InPlaceValue::InPlaceValue;
  bool exchange(std::size_t offset, std::span<const std::byte> found,
                std::span<const std::byte> wanted) {
    std::byte now[8];
    read(offset, std::span(now).first(found.size()));
    if (std::memcmp(now, found.data(), found.size()) != 0) return false;
    sched_yield();
    write(offset, wanted);
    return true;
  }
};

class Private {
 public:
  explicit Private(std::size_t bytes) : bytes_(bytes) {
    address_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  ~Private() { munmap(address_, bytes_); }
  void* address() const { return address_; }

 private:
  std::size_t bytes_;
  void* address_;
};

class Recycled : public Mapping {
 public:
  explicit Recycled(std::size_t bytes) : Mapping(bytes) {
    std::memset(static_cast<std::byte*>(address()) + bytes - 1, 0x11, 1);
  }
};

class KeepsDescriptor : public Mapping {
 public:
  explicit KeepsDescriptor(std::size_t bytes) : Mapping(bytes) {
    static_cast<void>(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
};

class KeepsName : public Mapping {
 public:
  explicit KeepsName(std::size_t bytes) : Mapping(bytes) {
    UniqueFd(shm_open(kLeftName, O_RDWR | O_CREAT, 0600));
  }
};

Traits traits() {
  return {.summary = "broken",
          .source = "this test",
          .max_message = kAnySize,
          .on_kill = "the next one gets it"};
}

// Kept for as long as the program: pairs refer to them.
template <class M>
const MemoryEntry& memory(const char* name) {
  static std::list<MemoryEntry> entries;
  return entries.emplace_back(memory_entry<M>(name, traits()));
}
template <class L>
const LockEntry& lock(const char* name) {
  static std::list<LockEntry> entries;
  return entries.emplace_back(lock_entry<L>(name, traits()));
}

template <class L>
Broken<SharedPair> broken_lock(const char* name, const char* check, const char* words,
                               bool with_threads = true) {
  return {{.memory = memory<Mapping>("sound"), .lock = lock<L>(name)}, check, words, with_threads};
}
template <class M>
Broken<SharedPair> broken_memory(const char* name, const char* check, const char* words) {
  return {{.memory = memory<M>(name), .lock = lock<SoundLock>("sound")}, check, words, false};
}

std::vector<Broken<SharedPair>> all_broken() {
  return {
      broken_lock<ExcludesNobody>("ExcludesNobody", "KeepsOthersOut", "additions there are"),
      broken_lock<ExcludesNobody>("LetsTwoIn", "IsHandedOver", "take_over_loop failed"),
      broken_lock<ForgetsDeadlines>("ForgetsDeadlines", "KeepsDeadlines", "no end", false),
      broken_lock<GivesUpEarly>("GivesUpEarly", "KeepsDeadlines", "before its deadline"),
      broken_lock<TornWhenReadAlone>("TornWhenReadAlone", "IsReadWhole", "torn"),
      broken_lock<TornWhenReadAlone>("TornByAKill", "KilledInsideAWriteLeavesAWholeValue",
                                     "torn by a kill", false),
      broken_lock<WritesTooMuch>("WritesTooMuch", "IsWrittenInParts", "changed another"),
      broken_lock<OutlivesItsHolder>("OutlivesItsHolder", "KilledHoldersAreAsTheTraitsSay",
                                     "time-out", false),
      broken_lock<OutlivesItsHolder>("OutlivesItsVictim", "KilledAtAnyTimeCostsNoOtherAddition",
                                     "timed_out instead of ok", false),
      broken_lock<Impatient>("Impatient", "StoppedHolderKeepsIt", "ok instead of", false),
      broken_lock<ExchangesInTwoSteps>("ExchangesInTwoSteps", "KeepsOthersOut",
                                       "additions there are"),
      broken_memory<Private>("Private", "IsSeenByOthers", "elsewhere"),
      broken_memory<Recycled>("Recycled", "IsZeroAndAligned", "not zero"),
      broken_memory<KeepsDescriptor>("KeepsDescriptor", "NothingIsLeft", "descriptors"),
      broken_memory<KeepsName>("KeepsName", "NothingIsLeft", kLeftName),
  };
}

class BrokenShared : public testing::TestWithParam<BrokenCase<SharedPair>> {};

TEST_P(BrokenShared, IsRejectedByTheCheckThatNamesIt) {
  if (GetParam().broken.words == kLeftName) shm_unlink(kLeftName);  // of one that was stopped
  EXPECT_THAT(named_verdict(GetParam(), shared_checks()),
              testing::HasSubstr(GetParam().broken.words));
  if (GetParam().broken.words == kLeftName) shm_unlink(kLeftName);
}

INSTANTIATE_TEST_SUITE_P(Processes, BrokenShared, testing::ValuesIn(broken_cases(all_broken())),
                         [](const auto& one) { return one.param.name(); });

const SharedPair& sound_pair() {
  static const SharedPair pair{.memory = memory<Mapping>("sound"),
                               .lock = lock<SoundLock>("sound")};
  return pair;
}

// What readers need not wait for concerns the first one not.
const SharedPair& sound_latch() {
  static const SharedPair pair{.memory = memory<Mapping>("sound"),
                               .lock = LockRegistry::get("latch")};
  return pair;
}

// Each check with the one that it concerns.
std::vector<Case<SharedPair>> sound_cases() {
  std::vector<Case<SharedPair>> cases;
  for (const SharedPair* pair : {&sound_pair(), &sound_latch()}) {
    for (const Case<SharedPair>& each : cases_of(*pair, shared_checks())) {
      const bool of_latch = excused(each.check, sound_pair()).has_value();
      if (of_latch == (pair == &sound_latch())) cases.push_back(each);
    }
  }
  return cases;
}

class SoundShared : public testing::TestWithParam<Case<SharedPair>> {};

TEST_P(SoundShared, PassesEveryCheck) {
  const auto& [pair, check, peers] = GetParam();
  EXPECT_EQ(excused(check, pair), std::nullopt);
  EXPECT_EQ(run_check(check, pair, peers, Peers::processes), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Processes, SoundShared, testing::ValuesIn(sound_cases()),
                         [](const auto& one) { return one.param.name(); });

}  // namespace
}  // namespace ipc
