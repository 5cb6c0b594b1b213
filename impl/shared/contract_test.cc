// SPDX-License-Identifier: MIT
// Longer than most: one check after another, each used only in the list at the end.
#include "impl/shared/contract_test.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <random>

#include "impl/driver/end_checks_test.h"
#include "impl/driver/leftovers_test.h"
#include "impl/shared/cell.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kShort{20};

class Subject : public Cell {
 public:
  explicit Subject(const SharedPair& pair, std::size_t bytes = sizeof(std::int64_t))
      : Cell(pair.memory, pair.lock, bytes) {}
};

// Peers that are all there before one begins: they are done sooner than forked.
class StartLine {
 public:
  explicit StartLine(int peers) : peers_(peers) {}
  void wait() {
    there_->fetch_add(1);
    while (there_->load() < peers_) sched_yield();
  }

 private:
  const int peers_;
  Shared<std::atomic<int>> there_{0};
};

void acquire(AnyLock& lock, const char* what) {
  expect_status(lock.acquire(Deadline::after(patience)), Status::ok, "acquire ", what);
}

// One more, as a caller would do it.
void increment(Subject& subject, const Traits& traits) {
  AnyLock& lock = subject.lock();
  if (!traits.exchanging) {
    acquire(lock, "among others");
    const std::int64_t before = subject.number();
    if (before % 64 == 0) sched_yield();
    subject.set_number(before + 1);
    return lock.release();
  }
  for (;;) {
    const std::int64_t before = subject.number();
    const std::int64_t after = before + 1;
    if (lock.exchange(0, std::as_bytes(std::span(&before, 1)),
                      std::as_bytes(std::span(&after, 1)))) {
      return;
    }
  }
}

std::optional<std::string> needs_holding(const Traits& traits) {
  if (traits.exclusive) return std::nullopt;
  return "there is nothing to hold";
}
std::optional<std::string> needs_exclusion(const Traits& traits) {
  if (traits.exclusive || traits.exchanging) return std::nullopt;
  return "it excludes nobody";
}
std::optional<std::string> needs_holding_and_survival(const Traits& traits) {
  const auto reason = needs_holding(traits);
  return reason ? reason : needs_survival(traits);
}

std::optional<std::string> needs_readers_alone(const Traits& traits) {
  if (traits.reads_alone) return needs_holding_and_survival(traits);
  return "who reads waits for who writes";
}

void check_zeroed(const SharedPair& pair, Peers) {
  constexpr std::size_t kSome = 3 * 4096 + 64;
  for (int round = 0; round < 3; ++round) {  // also where the last one has been
    const auto memory = pair.memory.make(kSome);
    const std::span bytes(memory->address(), kSome);
    expect(reinterpret_cast<std::uintptr_t>(bytes.data()) % kCacheLine == 0, "not aligned");
    expect(std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; }),
           "new memory is not zero");
    std::memset(bytes.data(), 0x5a, kSome);
  }
}

void check_seen(const SharedPair& pair, Peers peers) {
  Subject subject(pair);
  Signal asked;
  Signal answered;
  Peer other(peers, [&] {
    asked.wait();
    expect(subject.number() == 41, "what was written before is ", subject.number(), " elsewhere");
    if (pair.traits.exclusive) acquire(subject.lock(), "alone");
    subject.set_number(42);
    if (pair.traits.exclusive) subject.lock().release();
    answered.raise();
  });
  if (pair.traits.exclusive) acquire(subject.lock(), "alone");
  subject.set_number(41);
  if (pair.traits.exclusive) subject.lock().release();
  asked.raise();
  answered.wait();
  expect(subject.number() == 42, "what another wrote is ", subject.number());
  other.finish();
}

void check_exclusion(const SharedPair& pair, Peers peers) {
  constexpr int kPeers = 4;
  constexpr int kEach = 500;
  Subject subject(pair);
  StartLine start(kPeers);
  std::vector<Peer> crowd;
  for (int i = 0; i < kPeers; ++i) {
    crowd.emplace_back(peers, [&] {
      start.wait();
      for (int k = 0; k < kEach; ++k) increment(subject, pair.traits);
    });
  }
  for (Peer& peer : crowd) peer.finish();
  expect(subject.number() == kPeers * kEach, "of ", kPeers * kEach, " additions there are ",
         subject.number());
}

void check_deadlines(const SharedPair& pair, Peers peers) {
  Subject subject(pair);
  Signal look;
  acquire(subject.lock(), "what nobody has");
  Peer other(peers, [&] {
    AnyLock& lock = subject.lock();
    expect_status(lock.acquire(Deadline::now()), Status::timed_out, "acquire at once");
    const std::int64_t begin = monotonic_ns();
    expect_status(lock.acquire(Deadline::after(kShort)), Status::timed_out, "acquire in time");
    expect(monotonic_ns() - begin >= std::chrono::nanoseconds(kShort).count(),
           "it gave up before its deadline");
    look.raise();
    acquire(lock, "what is released meanwhile");
    lock.release();
    expect_status(lock.acquire(Deadline::never()), Status::ok, "acquire without a deadline");
    lock.release();
  });
  look.wait();
  nap(kShort);
  subject.lock().release();
  other.finish();
  expect_status(subject.lock().acquire(Deadline::now()), Status::ok, "acquire of a free lock");
  subject.lock().release();
}

// Who reads sees what one writer wrote, never parts of two. The loops may take turns by chance,
// each reading while no other writes; who only reads meets a writer halfway.
void check_whole_reads(const SharedPair& pair, Peers peers) {
  constexpr std::uint32_t kWriters = 3;
  const std::size_t bytes = std::min<std::size_t>(64, pair.traits.max_message);
  Subject subject(pair, bytes);
  AnyLock& lock = subject.lock();
  const auto write_and_read = [&](std::uint64_t messages, std::uint32_t producer) {
    const LoopResult result =
        lock.read_mostly_loop({.bytes = bytes, .messages = messages, .producer = producer});
    expect(result.fault == Fault::none, "a value was torn after ", result.messages, " accesses");
  };
  write_and_read(1, 0);
  StartLine start(kWriters + 1);
  Signal done;
  std::vector<Peer> crowd;
  for (std::uint32_t i = 0; i < kWriters; ++i) {
    crowd.emplace_back(peers, [&, i] {
      start.wait();
      write_and_read(20 * kReadsPerWrite, i);
      done.raise();
    });
  }
  const bool locks = pair.traits.exclusive && !pair.traits.reads_alone;
  crowd.emplace_back(peers, [&] {
    start.wait();
    std::vector<std::byte> copy(bytes);
    while (done.raised() < kWriters) {
      if (locks) acquire(lock, "to read");
      lock.read(0, copy);
      if (locks) lock.release();
      expect(check_value(copy), "a value was torn where one only reads");
    }
  });
  for (Peer& peer : crowd) peer.finish();
}

constexpr std::size_t kBytes = 203;

std::optional<std::string> needs_bytes(const Traits& traits) {
  if (traits.max_message >= kBytes) return std::nullopt;
  return "it guards at most " + std::to_string(traits.max_message) + " bytes";
}

// A part is written, and the rest stays what it was.
void check_parts(const SharedPair& pair, Peers) {
  Subject subject(pair, kBytes);
  AnyLock& lock = subject.lock();
  std::vector<std::byte> wanted(kBytes);
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const std::size_t offset = random() % kBytes;
    const std::size_t size = random() % (kBytes - offset + 1);
    std::vector<std::byte> part(size, static_cast<std::byte>(i));
    std::ranges::copy(part, wanted.begin() + static_cast<std::ptrdiff_t>(offset));
    if (pair.traits.exclusive) acquire(lock, "alone");
    lock.write(offset, part);
    if (pair.traits.exclusive) lock.release();
    std::vector<std::byte> found(kBytes);
    lock.read(0, found);
    expect(found == wanted, "a part that was written changed another");
    lock.read(offset, part);
    expect(std::ranges::equal(part, std::span(wanted).subspan(offset, size)),
           "a part was read wrong");
  }
}

void check_loops(const SharedPair& pair, Peers peers) {
  Subject subject(pair);
  constexpr std::uint64_t kEach = 300;
  const bool excludes = pair.traits.exclusive || pair.traits.exchanging;
  std::vector<Peer> crowd;
  for (int i = 0; i < (excludes ? 3 : 1); ++i) {
    crowd.emplace_back(peers, [&] {
      const LoopResult result = subject.lock().update_loop({.messages = kEach});
      expect(result.messages == kEach && result.sum == kEach && result.begin_ns < result.end_ns,
             "update_loop reports ", result.messages, " messages");
    });
  }
  for (Peer& peer : crowd) peer.finish();
  const auto total = static_cast<std::int64_t>(kEach * crowd.size());
  expect(subject.number() == total, "after the loops the value is ", subject.number());
  const LoopResult copied = subject.lock().copy_loop({.bytes = 8, .messages = kEach});
  expect(copied.fault == Fault::none && copied.messages == kEach, "copy_loop failed");
}

void check_take_over(const SharedPair& pair, Peers peers) {
  Subject subject(pair);
  Shared<TakeOver> place;
  const auto hand_over = [&](std::uint32_t number) {
    for (std::uint64_t batch = 0; batch < 3; ++batch) {
      const LoopResult result = subject.lock().take_over_loop(
          {.messages = 20, .producer = number, .first_sequence = 20 * batch}, *place);
      expect(result.fault == Fault::none && result.messages == 20, "take_over_loop failed");
    }
  };
  Peer other(peers, [&] { hand_over(1); });
  hand_over(0);
  other.finish();
  expect(place->taken.load() == 120, "it was taken over ", place->taken.load(), " times");
}

// What the others find when one was killed that holds the lock, or waits for it.
AfterKill after_kill(const SharedPair& pair, Peers peers, bool holding) {
  Subject subject(pair);
  AnyLock& lock = subject.lock();
  Signal there;
  Signal killed;
  const Shared<std::atomic<bool>> taken{false};
  if (!holding) acquire(lock, "what nobody has");
  Peer victim(peers, [&] {
    if (holding) acquire(lock, "what nobody has");
    there.raise();
    if (!holding) static_cast<void>(lock.acquire(Deadline::never()));
    wait_for_the_kill();
  });
  Peer waiting(peers, [&] {
    there.wait();
    // Before the kill already, and for long enough after it.
    for (int i = 0; i < 2 && !taken->load(); ++i) {
      taken->store(lock.acquire(Deadline::after(i == 0 ? kShort : kNoNews)) == Status::ok);
      if (i == 0 && !taken->load()) killed.wait();
    }
    if (taken->load()) lock.release();
  });
  there.wait();
  nap(kShort);  // until the one waits, or both; a kill before that disturbs nobody either
  victim.kill();
  killed.raise();
  if (!holding) lock.release();
  waiting.finish();
  const bool again = lock.acquire(Deadline::after(taken->load() ? patience : kShort)) == Status::ok;
  if (again) lock.release();
  return again ? AfterKill::nothing : AfterKill::time_out;
}

void check_stated_kills(const SharedPair& pair, Peers peers) {
  for (const bool holding : {true, false}) {
    const AfterKill seen = after_kill(pair, peers, holding);
    const AfterKill stated = holding ? pair.traits.killed.sending : pair.traits.killed.receiving;
    expect(seen == stated, "killed while it ", holding ? "holds" : "waits for",
           " the lock: ", to_string(seen), ", and the traits say ", to_string(stated));
  }
}

// Killed at any moment of its changes: they are lost at most, and nobody else's.
void check_killed_at_any_time(const SharedPair& pair, Peers peers) {
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 16; ++round) {
    Subject subject(pair);
    const Shared<std::atomic<std::int64_t>> by_victim{0};
    Signal begun;
    Signal stop;
    Peer victim(peers, [&] {
      for (;;) {
        increment(subject, pair.traits);
        by_victim->fetch_add(1);
        begun.raise();
      }
    });
    const Shared<std::atomic<std::int64_t>> by_other{0};
    Peer other(peers, [&] {
      while (stop.raised() == 0) {
        increment(subject, pair.traits);
        by_other->fetch_add(1);
      }
    });
    begun.wait();
    nap(std::chrono::microseconds(random() % 3000));
    victim.kill();
    nap(2ms);
    stop.raise();
    other.finish();
    increment(subject, pair.traits);
    const std::int64_t counted = by_victim->load() + by_other->load() + 1;
    expect(subject.number() == counted || subject.number() == counted + 1, "of ", counted,
           " additions, one of them perhaps not counted, there are ", subject.number());
  }
}

// Killed inside a write, where readers do not wait: they find a whole value, and so does the next
// writer, who gets on.
void check_killed_inside_a_write(const SharedPair& pair, Peers peers) {
  const std::size_t bytes = std::min<std::size_t>(pair.traits.max_message, 1 << 20);
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 16; ++round) {
    Subject subject(pair, bytes);
    AnyLock& lock = subject.lock();
    const auto write = [&](const std::vector<std::byte>& value) {
      acquire(lock, "to write");
      lock.write(0, value);
      lock.release();
    };
    std::vector<std::byte> values[3];  // one more than there may be copies
    for (std::vector<std::byte>& value : values) {
      value.resize(bytes);
      fill_value(value, static_cast<std::uint64_t>(&value - values));
      write(value);
    }
    std::vector<std::byte> value(bytes);
    Signal begun;
    Peer victim(peers, [&] {
      for (std::size_t i = 0;; ++i) {
        begun.raise();
        write(values[i % 3]);
      }
    });
    begun.wait();
    nap(std::chrono::microseconds(random() % 3000));
    victim.kill();
    lock.read(0, value);
    expect(check_value(value), "a value was torn by a kill");
    const std::vector<std::byte> before = value;
    acquire(lock, "after a kill");
    lock.read(0, value);
    lock.release();
    expect(value == before, "a killed writer's value came later");
    for (const std::vector<std::byte>& next : values) {
      write(next);
      lock.read(0, value);
      expect(value == next, "a value that was written after a kill is another");
    }
  }
}

// Stopped and continued at any moment of its changes: that costs time, and no addition.
void check_stopped_at_any_time(const SharedPair& pair, Peers peers) {
  std::mt19937 random(std::random_device{}());
  Subject subject(pair);
  Signal stop;
  const Shared<std::atomic<std::int64_t>> counted{0};
  const auto count = [&] {
    while (stop.raised() == 0) {
      increment(subject, pair.traits);
      counted->fetch_add(1);
    }
  };
  Signal begun;
  Peer stopped(peers, [&] {
    begun.raise();
    count();
  });
  Peer other(peers, count);
  begun.wait();
  for (int times = 0; times < 16; ++times) {
    nap(std::chrono::microseconds(random() % 2000));
    stopped.signal(SIGSTOP);
    nap(2ms);
    stopped.signal(SIGCONT);
  }
  stop.raise();
  stopped.finish();
  other.finish();
  expect(subject.number() == counted->load(), "of ", counted->load(), " additions there are ",
         subject.number());
}

// A stopped holder keeps the lock, as long as that takes, and is not taken for dead.
void check_stopped_holder(const SharedPair& pair, Peers peers) {
  Subject subject(pair);
  Signal held;
  Signal go_on;
  Peer holder(peers, [&] {
    acquire(subject.lock(), "what nobody has");
    held.raise();
    go_on.wait();
    subject.set_number(7);
    subject.lock().release();
  });
  held.wait();
  holder.signal(SIGSTOP);
  expect_status(subject.lock().acquire(Deadline::after(150ms)), Status::timed_out,
                "acquire of what a stopped one holds");
  holder.signal(SIGCONT);
  go_on.raise();
  acquire(subject.lock(), "what was released at last");
  expect(subject.number() == 7, "the stopped holder's value is not there");
  subject.lock().release();
  holder.finish();
}

void use(const SharedPair& pair, Peers peers) {
  Subject subject(pair);
  Peer other(peers, [&] {
    for (int i = 0; i < 10; ++i) static_cast<void>(subject.lock().update_loop({.messages = 1}));
  });
  other.finish();
  static_cast<void>(subject.lock().update_loop({.messages = 1}));
}

void check_nothing_left(const SharedPair& pair, Peers peers) {
  const KernelObjects objects;
  use(pair, peers);  // what a process starts once and for all stays
  const Belongings before = belongings_of_this_process();
  use(pair, peers);
  expect_belongings(before);
  objects.expect_nothing_new();
}

void check_nothing_left_by_kill(const SharedPair& pair, Peers peers) {
  const KernelObjects objects;
  Signal used;
  Peer victim(peers, [&] {
    Subject subject(pair);
    static_cast<void>(subject.lock().update_loop({.messages = 1}));
    used.raise();
    wait_for_the_kill();
  });
  used.wait();
  victim.kill();
  objects.expect_nothing_new([&] { use(pair, peers); });  // the next of its kind cleans up
}

}  // namespace

const std::vector<Check<SharedPair>>& shared_checks() {
  using enum Peers;
  static const std::vector<Check<SharedPair>> checks = {
      {.name = "IsZeroAndAligned", .body = check_zeroed, .needs_transport = false},
      {.name = "IsSeenByOthers", .body = check_seen, .needs_transport = false},
      {.name = "KeepsOthersOut", .body = check_exclusion, .waiver = needs_exclusion},
      {.name = "KeepsDeadlines", .body = check_deadlines, .waiver = needs_holding},
      {.name = "IsReadWhole", .body = check_whole_reads},
      {.name = "IsWrittenInParts",
       .body = check_parts,
       .waiver = needs_bytes,
       .needs_transport = false},
      {.name = "LoopsCount", .body = check_loops, .needs_transport = false},
      {.name = "IsHandedOver", .body = check_take_over, .waiver = needs_holding},
      {.name = "KilledHoldersAreAsTheTraitsSay",
       .body = check_stated_kills,
       .waiver = needs_holding,
       .with_threads = false},
      {.name = "KilledAtAnyTimeCostsNoOtherAddition",
       .body = check_killed_at_any_time,
       .waiver = needs_holding_and_survival,
       .with_threads = false},
      {.name = "KilledInsideAWriteLeavesAWholeValue",
       .body = check_killed_inside_a_write,
       .waiver = needs_readers_alone,
       .with_threads = false},
      {.name = "StopsAtAnyTimeCostNoAddition",
       .body = check_stopped_at_any_time,
       .waiver = needs_exclusion,
       .with_threads = false},
      {.name = "StoppedHolderKeepsIt",
       .body = check_stopped_holder,
       .waiver = needs_holding,
       .with_threads = false},
      {.name = "NothingIsLeft",
       .body = check_nothing_left,
       .with_threads = false,
       .needs_transport = false},
      {.name = "NothingIsLeftByAKill",
       .body = check_nothing_left_by_kill,
       .with_threads = false,
       .needs_transport = false},
  };
  return checks;
}

}  // namespace ipc
