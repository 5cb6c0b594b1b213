// SPDX-License-Identifier: MIT
// Shared memory that somebody has written nonsense into, rings and what is beside them, who uses a
// queue, who waits on a condition or at a barrier: whatever stands there, a call ends with a status
// and touches nothing outside, for before and behind each mapping are pages that nobody may touch
// (mapping.h). Not the words of a mutex or semaphore of the C library's: shm_robust and sem_ring
// trust that their users leave these alone, and glibc those of all it makes. shm_feeder is not
// here: of its own it shares a count without an index or a length, the rest is shm_robust's ring,
// and its end waits for a thread that may wait for what nonsense never brings.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <numeric>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "impl/driver/peers_test.h"
#include "impl/pipe/backend.h"
#include "impl/queue/backend.h"
#include "impl/queue/participants.h"
#include "impl/sync/barrier.h"
#include "impl/sync/condition.h"

namespace ipc {
namespace {

// One that others may share.
struct Mapped {
  std::span<std::uint64_t> words;
  bool is_ring;  // impl/os/ring_memory.cc names them so, and what is beside a ring comes later

  bool is_large() const { return words.size_bytes() > 4096; }
};
using Mappings = std::map<const void*, Mapped>;

Mappings shared_mappings() {
  Mappings found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream range(line);
    void* begin;
    void* end;
    char dash;
    std::string permissions;
    std::string offset;
    range >> begin >> dash >> end >> permissions >> offset;
    if (permissions != "rw-s") continue;
    const bool is_ring = line.find("/memfd:ipcbench") != std::string::npos &&
                         offset.find_first_not_of('0') == std::string::npos;
    found.emplace(
        begin,
        Mapped{{static_cast<std::uint64_t*>(begin), static_cast<std::uint64_t*>(end)}, is_ring});
  }
  return found;
}

std::vector<Mapped> mapped_since(const Mappings& before) {
  std::vector<Mapped> since;
  for (const auto& [begin, mapped] : shared_mappings()) {
    if (!before.contains(begin)) since.push_back(mapped);
  }
  return since;
}

// A word that is nothing, nearly what stood there, nearly a header, or anything.
std::uint64_t nonsense(std::uint64_t before, std::mt19937_64& random) {
  const std::uint64_t any = random();
  const std::uint64_t words[] = {any,
                                 any & 0xffff,
                                 (any & 0xffff) << 32 | (any & 0x1ffff),
                                 (any & 0x7fffffff) << 32 | (any >> 40),
                                 before + (any & 0x3fff) - 0x2000,
                                 before ^ (std::uint64_t{1} << (any % 64))};
  return words[random() % std::size(words)];
}

void scribble_on(const Mapped& mapped, std::mt19937_64& random) {
  for (std::uint64_t& word : mapped.words) word = nonsense(word, random);
}

// What is shared from its construction on, and which of its words the uses of it change.
class Victim {
 public:
  Victim(const Mappings& before, std::mt19937_64& random) : random_(random) {
    bool named = false;
    for (const Mapped& mapped : mapped_since(before)) {
      named |= mapped.is_ring;
      all_.push_back({mapped, {}});
    }
    if (named) return;
    for (Watched& one : all_) one.mapped.is_ring = one.mapped.is_large();
  }
  // Words that count or say in what state something is: all that are changed until the next call
  // of learn_changes(), but for addresses, which are a mutex's list.
  void expect_changes() {
    for (Watched& one : all_) one.copy.assign(one.mapped.words.begin(), one.mapped.words.end());
  }
  void learn_changes() {
    constexpr std::uint64_t kAddress = std::uint64_t{1} << 40;
    for (const Watched& one : all_) {
      for (std::size_t i = 0; i < one.copy.size(); ++i) {
        std::uint64_t& word = one.mapped.words[i];
        if (!one.mapped.is_ring && word != one.copy[i] && word < kAddress)
          counters_.push_back(&word);
      }
    }
  }
  // In a ring, or beside it.
  bool has_counters() const {
    return !counters_.empty() ||
           std::ranges::all_of(all_, [](const Watched& one) { return one.mapped.is_ring; });
  }

  void scribble() {
    for (const Watched& one : all_) {
      if (one.mapped.is_ring) scribble_on(one.mapped, random_);
    }
    for (std::uint64_t* const word : counters_) {
      if (random_() % 2 == 0) *word = nonsense(*word, random_);
    }
  }

 private:
  struct Watched {
    Mapped mapped;
    std::vector<std::uint64_t> copy;
  };

  std::mt19937_64& random_;
  std::vector<Watched> all_;
  std::vector<std::uint64_t*> counters_;
};

constexpr int kRounds = 300;
constexpr int kCalls = 40;
constexpr std::size_t kBytes = 200;

// The calls to one side, in any order. Whether one of them has said corrupt.
class Calls {
 public:
  Calls(const Traits& traits, std::mt19937_64& random) : traits_(traits), random_(random) {}

  bool receive(AnyEndpoint& in) {
    Buffer message;
    std::vector<Buffer> several(3);
    std::size_t received = 0;
    std::span<const std::byte> seen;
    Status status = Status::ok;
    switch (random_() % 8) {
      case 0:
        status = in.ready(Deadline::now());
        break;
      case 1:
      case 2:
        if (traits_.batches) status = in.receive_batch(several, received, Deadline::now());
        break;
      case 3:
      case 4:
        if (traits_.in_place && (status = in.peek(seen, Deadline::now())) == Status::ok) {
          sum_ = std::accumulate(seen.begin(), seen.end(), sum_, [](unsigned sum, std::byte byte) {
            return sum + std::to_integer<unsigned>(byte);
          });
          in.release();
        }
        break;
      default:
        status = in.receive_until(message, Deadline::now());
    }
    return status == Status::corrupt;
  }

  bool send(AnyEndpoint& out) {
    const std::vector<std::byte> message(random_() % (kBytes + 1));
    const std::vector<std::span<const std::byte>> several(3, message);
    std::size_t sent = 0;
    std::span<std::byte> room;
    Status status = Status::ok;
    switch (random_() % 3) {
      case 0:
        if (traits_.batches) status = out.send_batch(several, sent, Deadline::now());
        break;
      case 1:
        if (traits_.in_place &&
            (status = out.reserve(message.size(), room, Deadline::now())) == Status::ok) {
          std::ranges::fill(room, std::byte{0});
          out.commit();
        }
        break;
      default:
        status = out.send_until(message, Deadline::now());
    }
    return status == Status::corrupt;
  }

 private:
  const Traits& traits_;
  std::mt19937_64& random_;
  unsigned sum_ = 0;
};

class HostilePipe : public testing::TestWithParam<std::string> {};
class HostileQueue : public testing::TestWithParam<std::string> {};

void send_and_receive(AnyEndpoint& out, AnyEndpoint& in) {
  Buffer message(kBytes);
  std::memset(message.data(), 0, message.size());
  for (int i = 0; i < 50; ++i) {  // once around
    expect_status(out.send_until(message.bytes(), Deadline::never()), Status::ok, "send");
    expect_status(in.receive_until(message, Deadline::never()), Status::ok, "receive");
  }
}

void fill_up(AnyEndpoint& out) {
  Buffer message(kBytes);
  std::memset(message.data(), 0, message.size());
  while (out.send_until(message.bytes(), Deadline::now()) == Status::ok) {
  }
}

// What was mapped since `before`, with what its use changes; empty again, or full.
Victim used_victim(const Mappings& before, std::mt19937_64& random, AnyEndpoint& out,
                   AnyEndpoint& in, bool full) {
  Victim victim(before, random);
  victim.expect_changes();
  send_and_receive(out, in);
  victim.learn_changes();
  expect(victim.has_counters(), "nothing that counts was found");
  if (full) fill_up(out);
  return victim;
}

void abuse_pipe(const std::string& backend) {
  const PipeEntry& entry = PipeRegistry::entries().at(backend);
  std::mt19937_64 random(1);
  Calls calls(entry.traits, random);
  bool corrupt = false;
  for (int round = 0; round < kRounds; ++round) {
    const Mappings before = shared_mappings();
    const auto pipe = entry.make({.capacity_bytes = 4096});
    const auto in = pipe->open(0);
    auto out = pipe->open(1);
    Victim victim = used_victim(before, random, *out, *in, round % 2 == 0);
    victim.scribble();
    for (int i = 0; i < kCalls; ++i) corrupt |= calls.send(*out);
    if (round % 4 < 2) victim.scribble();
    out.reset();  // or the rest of a message might be waited for
    for (int i = 0; i < kCalls; ++i) corrupt |= calls.receive(*in);
  }
  expect(corrupt, "no call says corrupt");
}

void abuse_queue(const std::string& backend) {
  const QueueEntry& entry = QueueRegistry::entries().at(backend);
  std::mt19937_64 random(1);
  Calls calls(entry.traits, random);
  bool corrupt = false;
  for (int round = 0; round < kRounds; ++round) {
    const Mappings before = shared_mappings();
    const auto queue = entry.make({.capacity_bytes = 4096, .message_bytes = kBytes});
    const auto end = queue->open();
    Victim victim = used_victim(before, random, *end, *end, round % 2 == 0);
    victim.scribble();
    for (int i = 0; i < kCalls; ++i) {
      corrupt |= random() % 2 == 0 ? calls.send(*end) : calls.receive(*end);
      if (i % 5 == 0) victim.scribble();
    }
  }
  expect(corrupt, "no call says corrupt");
}

// In a process: it may loop, or touch what nobody may.
void expect_survived(const std::function<void()>& abuse) {
  if (const Verdict wrong = watched(Peers::processes, kCheckLimit, abuse)) ADD_FAILURE() << *wrong;
}

// All places are taken by one that lives: there is none for the next.
void abuse_barrier() {
  constexpr std::uint32_t kParties = 1024;  // fill whole pages, and more of them than the lock
  const Mappings before = shared_mappings();
  Barrier barrier(kParties);
  for (const Mapped& mapped : mapped_since(before)) {
    if (mapped.words.size() != kParties) continue;
    const std::uint64_t waiting = std::uint64_t{Owner::here()} << 32 | 1;
    std::ranges::fill(mapped.words, waiting);
  }
  expect(barrier.n_waiting() == kParties, "the parties are not where they were looked for");
  for (int times = 0; times < 2; ++times) {
    bool broken = false;
    try {
      barrier.wait(0.0);
    } catch (const BrokenBarrier&) {
      broken = true;
    }
    expect(broken && barrier.broken(), "one more than its parties was let in");
  }
}

void abuse_participants() {
  std::mt19937_64 random(1);
  for (int round = 0; round < kRounds; ++round) {
    const Mappings before = shared_mappings();
    const Shared<Participants> all;
    const std::vector<Mapped> mapped = mapped_since(before);
    expect(mapped.size() == 1, "not where it was looked for");
    Presence::Stay stays[kCalls];
    const std::uint32_t here = all->join(stays[0]);
    for (int i = 1; i < kCalls; ++i) {
      if (i % 5 == 1) scribble_on(mapped.front(), random);
      static_cast<void>(all->may_spin(here));
      static_cast<void>(all->is_there(random() % (2 * Participants::kMost)));
      expect(!all->is_there(random() | Participants::kMost), "one is there that cannot be");
      try {
        expect(all->join(stays[i]) < Participants::kMost,
               "more were let in than there is room for");
      } catch (const std::system_error&) {
      }
    }
  }
}

// As if so many waited as there is room for, all of them alive. The words are those of
// Condition::State: turns, used, and of each that waits two.
void fill_condition(std::span<std::uint64_t> words) {
  words[1] = Condition::kMost;
  for (std::size_t i = 0; i < Condition::kMost; ++i) {
    words[2 + 2 * i] = std::uint64_t{Owner::here()} << 32 | 1;
  }
}

void abuse_condition() {
  std::mt19937_64 random(1);
  {
    Condition first;  // with what all of them share
    const std::lock_guard hold(first);
  }
  for (int round = 0; round < kRounds; ++round) {
    const Mappings before = shared_mappings();
    Condition condition;
    std::vector<Mapped> mapped = mapped_since(before);
    std::erase_if(mapped, [](const Mapped& one) { return !one.is_large(); });  // the lock's
    expect(mapped.size() == 1, "those that wait are not where they were looked for");
    for (int i = 0; i < kCalls; ++i) {
      const std::lock_guard hold(condition);
      scribble_on(mapped.front(), random);
      const bool full = i % 8 == 7;
      if (full) fill_condition(mapped.front().words);
      bool refused = false;
      try {
        condition.wait(0.0);
      } catch (const StateError&) {
        refused = true;
      }
      expect(refused || !full, "one more was let in than may wait");
      condition.notify(static_cast<std::uint32_t>(random() % 3));
      if (i % 5 == 0) condition.notify_all();
    }
  }
}

TEST(HostileBarrier, IsSurvivedByAProcess) { expect_survived(abuse_barrier); }
TEST(HostileParticipants, AreSurvivedByAProcess) { expect_survived(abuse_participants); }
TEST(HostileCondition, IsSurvivedByAProcess) { expect_survived(abuse_condition); }

TEST_P(HostilePipe, IsSurvived) {
  expect_survived([] { abuse_pipe(GetParam()); });
}
TEST_P(HostileQueue, IsSurvived) {
  expect_survived([] { abuse_queue(GetParam()); });
}

INSTANTIATE_TEST_SUITE_P(Rings, HostilePipe,
                         testing::Values("eventfd_shm", "shm_ring", "shm_ring_spin",
                                         "shm_ring_block"),
                         [](const auto& one) { return one.param; });
INSTANTIATE_TEST_SUITE_P(Rings, HostileQueue,
                         testing::Values("sem_ring", "shm_robust", "shm_lockfree",
                                         "shm_lockfree_spin"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace ipc
