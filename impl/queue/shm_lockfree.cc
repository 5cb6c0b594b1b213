// SPDX-License-Identifier: MIT
// shm_lockfree: a ring of slots in shared memory without locks. Who sends or receives claims a slot
// with its own number; what a process has claimed when it dies, the others see to be nobody's and
// free (presence.h): its own message is lost, and no other. Who waits spins for a time that adapts,
// then sleeps on a futex (shm_lockfree_spin: spins). Kernel objects: anonymous shared mappings, a
// thread in each process that is in the kernel's books for its death. Wait class: adaptive, spin.
// Source: the bounded queue of D. Vyukov, with the claim on the slot. Limit: every item takes the
// room of the longest message, which is fixed when the queue is made; a stopped process delays what
// comes behind its message; at most 256 processes.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "impl/driver/untimed.h"
#include "impl/os/mapping.h"
#include "impl/os/presence.h"
#include "impl/queue/backend.h"
#include "impl/queue/item_bounds.h"
#include "impl/queue/participants.h"
#include "impl/sync/event_count.h"
#include "impl/sync/spinning.h"

namespace ipc {
namespace {

constexpr std::size_t kApart = Participants::kApart;
constexpr std::size_t kLine = 64;

// A slot's word: for which place in the order of all items it is, what is done with it, by whom.
struct Word {
  enum State : std::uint64_t { free, writing, ready, reading };

  std::uint64_t place;
  State state;
  std::uint64_t owner;

  bool is_claimed() const { return state == writing || state == reading; }
  std::uint64_t packed() const { return place << 10 | state << 8 | owner; }
  static Word of(std::uint64_t packed) {
    return {packed >> 10, static_cast<State>(packed >> 8 & 3), packed & 0xff};
  }
};

template <WaitClass kWaits>
class ShmLockfree {
  static constexpr bool kSleeps = kWaits != WaitClass::spin;
  // Before the look for sleepers, which look again after they have lain down.
  static constexpr auto kPublish = kSleeps ? std::memory_order_seq_cst : std::memory_order_release;

 public:
  class End : public Untimed<End> {
   public:
    explicit End(ShmLockfree& queue) : queue_(queue), number_(queue.join(stay_)) {}

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      tell_cpu();
      if (message.size() > queue_.bounds_.message_bytes) return Status::too_big;
      return until(
          queue_.state_->room_came, [&] { return queue_.try_send(message, number_); }, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      tell_cpu();
      // Before anything is taken, as it may throw.
      const std::size_t most = queue_.bounds_.message_bytes;
      if (message.capacity() < most) message.resize(most);
      return until(
          queue_.state_->message_came, [&] { return queue_.try_receive(message, number_); },
          deadline);
    }
    Status ready(Deadline deadline) {
      return until(
          queue_.state_->message_came, [&] { return queue_.has_message(); }, deadline);
    }

   private:
    // Now and then: one that never waits would never tell.
    void tell_cpu() {
      const std::uint32_t call = calls_.load(std::memory_order_relaxed) + 1;
      calls_.store(call, std::memory_order_relaxed);  // another thread's may be lost
      if (call % kCallsPerTelling == 0) queue_.participants_->tell_cpu(number_);
    }

    // Tries until it says something else than timed_out. What it waits for is notified by `event`.
    template <class Try>
    Status until(EventCount& event, const Try& attempt, Deadline deadline) {
      Status status = attempt();
      if (status != Status::timed_out) return status;
      const auto look = [&] { return (status = attempt()) != Status::timed_out; };
      if constexpr (kSleeps) {
        const bool spins = !deadline.passed() && queue_.participants_->may_spin(number_);
        if (!spins || !budget_.spin(look, deadline)) event.wait(look, deadline);
      } else {
        for (std::uint32_t looks = 1; !look(); ++looks) {
          if (looks % kLooksPerCheck == 0 && deadline.passed()) break;
          cpu_relax();
        }
      }
      return status;
    }
    static constexpr std::uint32_t kLooksPerCheck = 64;
    static constexpr std::uint32_t kCallsPerTelling = 256;

    ShmLockfree& queue_;
    Presence::Stay stay_;
    const std::uint32_t number_;
    std::atomic<std::uint32_t> calls_ = 0;
    SpinBudget budget_;
  };

  explicit ShmLockfree(const QueueOptions& options)
      : bounds_(item_bounds(options)), slots_(bounds_.items * stride()) {
    for (std::uint64_t place = 0; place < bounds_.items; ++place) {
      ::new (&slot(place)) Slot{Word{place, Word::free, 0}.packed(), 0};
    }
  }

  std::unique_ptr<End> open() { return std::make_unique<End>(*this); }
  std::size_t capacity_bytes() const { return bounds_.items * bounds_.message_bytes; }
  std::uint32_t size() const {
    const std::uint64_t first = state_->first.load(std::memory_order_acquire);
    const std::uint64_t next = state_->next.load(std::memory_order_acquire);
    if (next <= first) return 0;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(next - first, bounds_.items));
  }

 private:
  // In front of each message.
  struct Slot {
    std::atomic<std::uint64_t> word;
    std::uint64_t length;
  };
  struct State {
    // Hints: the place of the next item to be sent and to be received, or one that was passed. What
    // counts is the slots' words; whoever finds a hint behind them moves it on.
    alignas(kApart) std::atomic<std::uint64_t> next{0};
    alignas(kApart) std::atomic<std::uint64_t> first{0};
    alignas(kApart) EventCount message_came;
    alignas(kApart) EventCount room_came;
  };

  std::size_t stride() const {
    return (sizeof(Slot) + bounds_.message_bytes + kLine - 1) / kLine * kLine;
  }
  Slot& slot(std::uint64_t place) const {
    auto* const begin = static_cast<std::byte*>(slots_.address());
    return *reinterpret_cast<Slot*>(begin + place % bounds_.items * stride());
  }
  static std::byte* bytes_of(Slot& slot) { return reinterpret_cast<std::byte*>(&slot + 1); }

  std::uint32_t join(Presence::Stay& stay) {
    const std::uint32_t number = participants_->join(stay);
    // What a dead process of this number has left: to others it would look alive from now on.
    for (std::uint64_t place = 0; place < bounds_.items; ++place) {
      const std::uint64_t found = slot(place).word.load(std::memory_order_acquire);
      if (Word::of(found).owner == number) free_claimed(slot(place), found);
    }
    return number;
  }

  // What the claimed slot is from now on; unless the others take this process for dead, as they do
  // while it is being killed.
  static void publish(Slot& claimed, std::uint64_t expected, const Word& word) {
    claimed.word.compare_exchange_strong(expected, word.packed(), kPublish,
                                         std::memory_order_relaxed);
  }

  static void move_on(std::atomic<std::uint64_t>& hint, std::uint64_t passed) {
    hint.compare_exchange_strong(passed, passed + 1, std::memory_order_acq_rel,
                                 std::memory_order_relaxed);
  }

  // Frees a slot that its owner, a dead process, has claimed. Its message is lost.
  void free_claimed(Slot& claimed, std::uint64_t found) {
    const Word word = Word::of(found);
    if (!word.is_claimed()) return;
    const Word freed{word.place + bounds_.items, Word::free, 0};
    if (claimed.word.compare_exchange_strong(found, freed.packed(), kPublish,
                                             std::memory_order_relaxed)) {
      move_on(state_->next, word.place);
      move_on(state_->first, word.place);
    }
  }
  // Whether the slot is claimed by a dead process; then it is not any more.
  bool frees_dead(Slot& claimed, std::uint64_t found) {
    const Word word = Word::of(found);
    if (!word.is_claimed() || participants_->is_there(word.owner)) return false;
    free_claimed(claimed, found);
    return true;
  }

  // A place that nobody can have reached yet. Not if the hint has moved on since it was read.
  bool is_nonsense(const Word& word, std::uint64_t place,
                   const std::atomic<std::uint64_t>& hint) const {
    return word.place > place + bounds_.items && hint.load(std::memory_order_acquire) == place;
  }

  // timed_out: it is full.
  Status try_send(std::span<const std::byte> message, std::uint32_t number) {
    for (;;) {
      const std::uint64_t place = state_->next.load(std::memory_order_acquire);
      Slot& to = slot(place);
      // acquire: pairs with the publishing in try_receive, which has read what will be overwritten.
      std::uint64_t found = to.word.load(std::memory_order_acquire);
      const Word word = Word::of(found);
      if (is_nonsense(word, place, state_->next)) return Status::corrupt;
      if (word.place < place) {
        if (frees_dead(to, found)) continue;
        return Status::timed_out;
      }
      if (word.place == place && word.state == Word::free) {
        std::uint64_t claimed = Word{place, Word::writing, number}.packed();
        if (!to.word.compare_exchange_strong(found, claimed, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
          continue;
        }
        move_on(state_->next, place);
        to.length = message.size();
        if (!message.empty()) std::memcpy(bytes_of(to), message.data(), message.size());
        publish(to, claimed, {place, Word::ready, number});  // pairs with the acquire in find_item
        if constexpr (kSleeps) {
          state_->message_came.notify_one();
          if (size() <= bounds_.items - bounds_.items / 4) state_->room_came.notify_one();
        }
        return Status::ok;
      }
      move_on(state_->next, place);
    }
  }

  // The next item, if it is there: its place and the word of its slot. timed_out: it is not.
  Status find_item(std::uint64_t& place, std::uint64_t& found) {
    for (;;) {
      place = state_->first.load(std::memory_order_acquire);
      found = slot(place).word.load(std::memory_order_acquire);  // pairs with try_send
      const Word word = Word::of(found);
      if (is_nonsense(word, place, state_->first)) return Status::corrupt;
      if (word.place < place) return Status::timed_out;
      if (word.place > place || word.state == Word::reading) {  // it was taken
        move_on(state_->first, place);
      } else if (word.state == Word::ready) {
        return Status::ok;
      } else if (!frees_dead(slot(place), found)) {
        return Status::timed_out;
      }
    }
  }

  // timed_out: it is empty, or the next is not there yet.
  Status try_receive(Buffer& message, std::uint32_t number) {
    std::uint64_t place;
    std::uint64_t claimed;
    std::uint64_t found;
    do {
      if (Status s = find_item(place, found); s != Status::ok) return s;
      claimed = Word{place, Word::reading, number}.packed();
    } while (!slot(place).word.compare_exchange_strong(found, claimed, std::memory_order_acq_rel,
                                                       std::memory_order_relaxed));
    move_on(state_->first, place);
    Slot& from = slot(place);
    const std::uint64_t length = from.length;
    const bool possible = length <= bounds_.message_bytes;
    message.resize(possible ? length : 0);
    if (message.size() != 0) std::memcpy(message.data(), bytes_of(from), message.size());
    // pairs with the acquire in try_send
    publish(from, claimed, {place + bounds_.items, Word::free, 0});
    if constexpr (kSleeps) {
      wake_sender(place);
      if (size() != 0) state_->message_came.notify_one();  // a wake-up may have been in vain
    }
    return possible ? Status::ok : Status::corrupt;
  }

  Status has_message() {
    std::uint64_t place;
    std::uint64_t found;
    return find_item(place, found);
  }

  // Who waits for room is woken for each quarter of the ring, and when it is empty, not for each
  // message; it looks by itself meanwhile.
  void wake_sender(std::uint64_t place) {
    const std::uint64_t quarter = bounds_.items / 4;
    if (quarter < 2 || place % quarter == 0 || size() == 0) state_->room_came.notify_one();
  }

  const ItemBounds bounds_;
  Shared<State> state_;
  Shared<Participants> participants_;
  Mapping slots_;
};

Traits traits(WaitClass wait_class) {
  return {.summary = "ring of slots in shared memory, claimed without a lock",
          .source = "D. Vyukov, bounded MPMC queue; futex(2)",
          .wait_class = wait_class,
          .max_message = 0x7fffffff,
          .unsized_message = kUnknownMessage,
          .capacity = CapacityUnit::items,
          .producers = kMany,
          .consumers = kMany,
          .order = "first in, first out over all producers",
          .waitable = Waitable::slices,
          .on_kill = "nothing; what the killed one was just sending or receiving is lost"};
}

const RegisterQueue<ShmLockfree<WaitClass::adaptive>> registered("shm_lockfree",
                                                                 traits(WaitClass::adaptive));
const RegisterQueue<ShmLockfree<WaitClass::spin>> registered_spin("shm_lockfree_spin",
                                                                  traits(WaitClass::spin));

}  // namespace
}  // namespace ipc
