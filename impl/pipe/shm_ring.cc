// SPDX-License-Identifier: MIT
// shm_ring: a ring of messages in shared memory each way (one for a one-way pipe). The word before
// a message says that it is there, so a small one costs the move of one cache line. Messages of
// over half the ring stream through it in pieces. Who waits spins for a time that adapts, then
// sleeps on a futex (shm_ring_spin: spins, shm_ring_block: sleeps at once). Kernel objects: a
// sealed memory and an anonymous mapping each way, two sockets for the lifetime token, a thread in
// each process that is in the kernel's books for its death (presence.h). Wait class: adaptive,
// spin, block. Source: SPSCVarQueueOPT of Meng Rao, Aeron's ring buffers. Limit: waiting in poll(2)
// takes slices. Longer than most: a sender, a receiver and three ways to wait are one mechanism.
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "impl/driver/untimed.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/mapping.h"
#include "impl/os/presence.h"
#include "impl/os/ring_memory.h"
#include "impl/os/stream.h"
#include "impl/pipe/backend.h"
#include "impl/sync/spinning.h"

namespace ipc {
namespace {

// Neighbouring lines are fetched in pairs.
constexpr std::size_t kApart = 128;
constexpr std::size_t kLine = 64;
constexpr std::size_t kHeader = sizeof(std::uint64_t);

// The word before a piece of a message: that it is there, whether it is the first, its length and
// that of the message. Zero: nothing is there yet.
struct Header {
  std::uint64_t piece;
  std::uint64_t message;  // at most kMaxFrame
  bool is_first;

  std::uint64_t word() const {
    return std::uint64_t{is_first} << 63 | message << 32 | piece << 1 | 1;
  }
  static Header of(std::uint64_t word) {
    return {(word & 0xffffffff) >> 1, word >> 32 & kMaxFrame, word >> 63 != 0};
  }
};

// Where the header stands that follows a piece of so many bytes at `place`. Not in the middle of a
// line if a piece as long as this one would touch a line more for that: the next one is likely to
// be as long.
constexpr std::uint64_t following(std::uint64_t place, std::size_t bytes) {
  const std::uint64_t frame = kHeader + (bytes + kHeader - 1) / kHeader * kHeader;
  const std::uint64_t next = place + frame;
  const std::uint64_t begun = next % kLine;
  const auto lines = [](std::uint64_t to) { return (to + kLine - 1) / kLine; };
  return lines(begun + frame) > lines(frame) ? next - begun + kLine : next;
}

// One direction. Places in the ring are counted from the first byte ever sent.
struct Way {
  // In shared memory. Apart: what the sender writes for each message, what the receiver does, and
  // what both look at for each message but seldom write.
  struct State {
    alignas(kApart) std::atomic<std::uint64_t> sent{0};      // where the next header will stand
    alignas(kApart) std::atomic<std::uint64_t> received{0};  // end of what may be overwritten
    alignas(kApart) Presence sender;                         // the receiver sleeps on it
    alignas(kApart) Presence receiver;                       // the sender sleeps on it
    std::atomic<std::uint64_t> needed{0};  // what `received` must reach for a sender that sleeps
  };

  explicit Way(std::size_t capacity_bytes)
      : ring(capacity_bytes), capacity(ring.size()), largest_piece(capacity / 2 - 2 * kLine) {}

  // Whatever the other side may have written for a place, it is in the ring, with all of a piece.
  std::byte* at(std::uint64_t place) const {
    return ring.address() + (place & (capacity - kHeader));
  }
  std::atomic_ref<std::uint64_t> header(std::uint64_t place) const {
    return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at(place)));
  }

  const RingMemory ring;
  const std::size_t capacity;
  const std::size_t largest_piece;
  Shared<State> state;
};

// On which CPU each side last waited. In shared memory.
struct Cpus {
  std::atomic<int> of_side[2] = {-1, -2};
};

// One process's use of a side.
struct Side {
  // Tells where this side waits, and whether the other waits on another CPU, as far as is known: on
  // the same, spinning only keeps the other from it.
  bool is_apart() const {
    const int here = sched_getcpu();
    cpus->of_side[number].store(here, std::memory_order_relaxed);
    return cpus->of_side[1 - number].load(std::memory_order_relaxed) != here;
  }

  const int number;
  const LifetimeToken::Hold hold;
  const Shared<Cpus>& cpus;
};

// How one side of a way waits for the other.
template <WaitClass kWaits>
class Waiting {
 public:
  // `other` is the presence of the other side, `slice` how long a sleep may last at most.
  Waiting(const Side& side, Presence& other, std::chrono::nanoseconds slice)
      : side_(side), other_(other), slice_(slice) {}

  // Nobody holds the other side any more. No system call while a process is present there.
  bool other_is_gone() const { return !other_.is_taken() && side_.hold.is_alone(); }

  // Until `look` is true. closed: it is not, and the other side is gone.
  template <class Look>
  Status until(const Look& look, Deadline deadline) {
    std::chrono::nanoseconds nap = kFirstNap;
    const bool may_spin = kWaits == WaitClass::adaptive && side_.is_apart();
    for (std::uint32_t looks = 0;; ++looks) {
      if (kWaits != WaitClass::spin || looks % kLooksPerCheck == 0) {
        // After a long time the kernel is asked, whatever is to be seen.
        const bool asks = looks != 0 && (kWaits != WaitClass::spin || looks % kLooksPerAsk == 0);
        if (asks ? side_.hold.is_alone() : other_is_gone()) {
          return look() ? Status::ok : Status::closed;
        }
        if (deadline.passed()) return look() ? Status::ok : Status::timed_out;
      }
      if constexpr (kWaits == WaitClass::spin) {
        cpu_relax();
      } else {
        if (may_spin && budget_.spin(look, deadline)) return Status::ok;
        other_.sleep(look, deadline.within(slice_), nap);
        nap = std::min(2 * nap, kLastNap);
      }
      if (look()) return Status::ok;
    }
  }

 private:
  static constexpr std::uint32_t kLooksPerCheck = 1 << 8;
  static constexpr std::uint32_t kLooksPerAsk = 1 << 20;
  static constexpr std::chrono::nanoseconds kFirstNap = std::chrono::microseconds(50);
  static constexpr std::chrono::nanoseconds kLastNap = std::chrono::milliseconds(10);

  const Side& side_;
  Presence& other_;
  const std::chrono::nanoseconds slice_;
  SpinBudget budget_;
};

template <WaitClass kWaits>
class Sender {
 public:
  Sender(Way& way, const Side& side)
      : way_(way), state_(*way.state), waiting_(side, state_.receiver, kSlice) {
    stay_.enter(state_.sender);
  }

  Status send(std::span<const std::byte> message, Deadline deadline) {
    if (message.size() > kMaxFrame) return Status::too_big;
    if (!state_.sender.is_taken()) stay_.enter(state_.sender);
    if (waiting_.other_is_gone()) return Status::closed;
    const std::size_t length = message.size();
    // Pieces of a quarter: one is copied out while the next is copied in.
    const std::size_t most = length <= way_.largest_piece ? length : way_.capacity / 4;
    std::uint64_t place = state_.sent.load(std::memory_order_relaxed);
    // One that had this side was killed before it could say that it has sent this.
    if (const std::uint64_t word = way_.header(place).load(std::memory_order_relaxed); word != 0) {
      place = following(place, Header::of(word).piece);
    }
    bool is_first = true;
    do {
      const auto piece = message.first(std::min(message.size(), most));
      const std::uint64_t next = following(place, piece.size());
      if (Status s = wait_for_room(next, deadline); s != Status::ok) return s;
      put(place, next, piece, {piece.size(), length, std::exchange(is_first, false)});
      place = next;
      message = message.subspan(piece.size());
      deadline = Deadline::never();  // once a message has begun, it is finished
    } while (!message.empty());
    return Status::ok;
  }

 private:
  // The receiver does not look for a sleeper at every message, nor in every order.
  static constexpr std::chrono::milliseconds kSlice{5};
  static constexpr auto kPublish =
      kWaits == WaitClass::spin ? std::memory_order_release : std::memory_order_seq_cst;

  void put(std::uint64_t place, std::uint64_t next, std::span<const std::byte> piece,
           const Header& header) {
    way_.header(next).store(0, std::memory_order_relaxed);  // seen before this piece is
    if (!piece.empty()) std::memcpy(way_.at(place) + kHeader, piece.data(), piece.size());
    // release: pairs with the acquire in Receiver::has_message. seq_cst: before the look for a
    // sleeper, as that looks again after it has lain down.
    way_.header(place).store(header.word(), kPublish);
    state_.sent.store(next, std::memory_order_relaxed);
    if constexpr (kWaits != WaitClass::spin) state_.sender.wake_sleeper();
  }

  // Room up to `next`, and for the header there.
  Status wait_for_room(std::uint64_t next, Deadline deadline) {
    const std::uint64_t needed = next + kHeader - way_.capacity;
    const auto reached = [this](std::uint64_t place) {
      const auto has = [&] { return static_cast<std::int64_t>(received_ - place) >= 0; };
      // acquire: pairs with Receiver::release, which has read what will be overwritten.
      if (!has()) received_ = state_.received.load(std::memory_order_acquire);
      return has();
    };
    if (reached(needed)) return Status::ok;
    if constexpr (kWaits != WaitClass::spin) {
      // A quarter of the ring more, if that much is under way: not to be woken for each message.
      const std::uint64_t sent = state_.sent.load(std::memory_order_relaxed);
      const std::uint64_t more = needed + way_.capacity / 4;
      state_.needed.store(static_cast<std::int64_t>(sent - more) < 0 ? sent : more);
    }
    return waiting_.until([&] { return reached(needed); }, deadline);
  }

  Way& way_;
  Way::State& state_;
  Waiting<kWaits> waiting_;
  Presence::Stay stay_;
  std::uint64_t received_ = 0;  // as far as is known here
};

template <WaitClass kWaits>
class Receiver {
 public:
  Receiver(Way& way, const Side& side)
      : way_(way), state_(*way.state), waiting_(side, state_.sender, kSlice) {
    stay_.enter(state_.receiver);
  }

  Status receive(Buffer& message, Deadline deadline) {
    std::uint64_t place = state_.received.load(std::memory_order_relaxed);
    if (Status s = wait(place, deadline); s != Status::ok) return s;
    Header header = header_at(place);
    // The rest of a message of which one was killed that had sent or received the beginning.
    const std::uint64_t begin = place;
    while (!header.is_first) {
      if (place - begin > header.message + way_.capacity) return Status::corrupt;
      place = following(place, std::min<std::uint64_t>(header.piece, way_.capacity / 2));
      release(place);
      if (Status s = wait(place, deadline); s != Status::ok) return s;
      header = header_at(place);
    }
    const std::uint64_t length = header.message;
    message.resize(length);  // may throw: the message is still there then
    for (std::size_t got = 0;;) {
      // Nothing that stands there is believed, the other side may have gone mad.
      if ((header.is_first && got != 0) || header.message != length ||
          header.piece > std::min(length - got, way_.capacity / 2)) {
        return Status::corrupt;
      }
      if (header.piece != 0) {
        std::memcpy(message.data() + got, way_.at(place) + kHeader, header.piece);
      }
      got += header.piece;
      place = following(place, header.piece);
      release(place);
      if (got == length) return Status::ok;
      if (header.piece == 0) return Status::corrupt;
      if (!wait_for_piece(place)) return Status::corrupt;
      header = header_at(place);
    }
  }

  Status ready(Deadline deadline) {
    return wait(state_.received.load(std::memory_order_relaxed), deadline);
  }

 private:
  // Only for messages of one who has inherited the side of a process that is still there, and is
  // killed between its message and the wake-up.
  static constexpr std::chrono::milliseconds kSlice{200};

  Header header_at(std::uint64_t place) const {
    return Header::of(way_.header(place).load(std::memory_order_relaxed));
  }

  Status wait(std::uint64_t place, Deadline deadline) {
    // acquire: pairs with Sender::put.
    const auto has_message = [this, place] {
      return way_.header(place).load(std::memory_order_acquire) != 0;
    };
    if (!state_.receiver.is_taken()) stay_.enter(state_.receiver);
    if (has_message()) return Status::ok;
    if constexpr (kWaits != WaitClass::spin) wake_sender(place);
    return waiting_.until(has_message, deadline);
  }

  // False when nobody sends it any more.
  bool wait_for_piece(std::uint64_t place) {
    for (;;) {
      const bool is_sent = state_.sender.is_taken();
      const Status status = wait(place, Deadline::after(kSlice));
      if (status != Status::timed_out) return status == Status::ok;
      if (!is_sent && !state_.sender.is_taken()) return false;
    }
  }

  // What is before `place` may be overwritten. release: after it was read.
  void release(std::uint64_t place) {
    state_.received.store(place, std::memory_order_release);
    if constexpr (kWaits != WaitClass::spin) {
      if (state_.receiver.has_sleeper()) wake_sender(place);
    }
  }

  void wake_sender(std::uint64_t place) {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // the release is seen, or the sleeper is
    if (state_.receiver.has_sleeper() &&
        static_cast<std::int64_t>(place - state_.needed.load()) >= 0) {
      state_.receiver.wake_sleeper();
    }
  }

  Way& way_;
  Way::State& state_;
  Waiting<kWaits> waiting_;
  Presence::Stay stay_;
};

template <WaitClass kWaits>
class ShmRing {
  struct Ways {
    explicit Ways(const PipeOptions& options) {
      to[0].emplace(options.capacity_bytes);
      if (options.duplex) to[1].emplace(options.capacity_bytes);
    }
    std::optional<Way> to[2];  // what each side receives from
    Shared<Cpus> cpus;
  };

 public:
  class End : public Untimed<End> {
   public:
    End(const std::shared_ptr<Ways>& ways, int number, LifetimeToken::Hold hold)
        : ways_(ways), side_{number, std::move(hold), ways->cpus} {
      if (ways->to[number]) in_.emplace(*ways->to[number], side_);
      if (ways->to[1 - number]) out_.emplace(*ways->to[1 - number], side_);
    }

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      return out_->send(message, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      return in_->receive(message, deadline);
    }
    Status ready(Deadline deadline) {
      const Status status = in_->ready(deadline);
      return status == Status::closed ? Status::ok : status;
    }

   private:
    const std::shared_ptr<Ways> ways_;
    const Side side_;
    std::optional<Receiver<kWaits>> in_;
    std::optional<Sender<kWaits>> out_;
  };

  explicit ShmRing(const PipeOptions& options) : ways_(std::make_shared<Ways>(options)) {}

  std::unique_ptr<End> open(int side) {
    return std::make_unique<End>(ways_, side, token_.take(side));
  }
  void drop(int side) { token_.drop(side); }
  std::size_t capacity_bytes() const { return ways_->to[0]->capacity; }

 private:
  const std::shared_ptr<Ways> ways_;  // shared, as an endpoint may outlive the backend
  LifetimeToken token_;
};

Traits traits(WaitClass wait_class) {
  return {.summary = "ring of messages in shared memory each way",
          .source = "SPSCVarQueueOPT, Aeron's ring buffers, futex(2)",
          .wait_class = wait_class,
          .max_message = kMaxFrame,
          .waitable = Waitable::slices,
          .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
          .on_kill =
              "end of file after the messages already sent; corrupt if killed inside a "
              "message of more than half the ring"};
}

const RegisterPipe<ShmRing<WaitClass::adaptive>> registered("shm_ring",
                                                            traits(WaitClass::adaptive));
const RegisterPipe<ShmRing<WaitClass::spin>> registered_spin("shm_ring_spin",
                                                             traits(WaitClass::spin));
const RegisterPipe<ShmRing<WaitClass::block>> registered_block("shm_ring_block",
                                                               traits(WaitClass::block));

}  // namespace
}  // namespace ipc
