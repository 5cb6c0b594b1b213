// SPDX-License-Identifier: MIT
// A ring of messages of any size in shared memory, for one sender and one receiver. The word before
// a message says that it is there, so a small one costs the move of one cache line. Messages of
// over half the ring stream through it in pieces. Longer than most: the sender and the receiver are
// two halves of one protocol, whose orders of memory answer each other.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/presence.h"
#include "impl/os/ring_memory.h"
#include "impl/os/status.h"
#include "impl/os/stream.h"
#include "impl/pipe/ring_side.h"

namespace ipc {
namespace ring {

inline constexpr std::size_t kLine = 64;
inline constexpr std::size_t kHeader = sizeof(std::uint64_t);

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
    alignas(kApart) std::atomic<std::uint64_t> sent{0};  // where the next header will stand
    std::atomic<std::uint64_t> begun{0};  // `sent` as it is after a publish, set before it
    alignas(kApart) std::atomic<std::uint64_t> received{0};  // end of what may be overwritten
    alignas(kApart) Presence sender;                         // the receiver sleeps on it
    alignas(kApart) Presence receiver;                       // the sender sleeps on it
    std::atomic<bool> is_unseen{
        false};  // a sender could not enter: that none is there says nothing
    std::atomic<std::uint64_t> needed{0};  // what `received` must reach for a sender that sleeps
    alignas(kApart) Cpus cpus;             // of the pipe, in the way to side 0
  };

  explicit Way(std::size_t capacity_bytes)
      : Way(RingMemory(capacity_bytes, sizeof(State)), [](void* at) { return ::new (at) State; }) {}
  // One that another process has made, whose memory this is. Throws Error when it is not.
  explicit Way(UniqueFd memory)
      : Way(RingMemory(std::move(memory), sizeof(State)),
            [](void* at) { return std::launder(static_cast<State*>(at)); }) {}

  // Whatever the other side may have written for a place, it is in the ring, with all of a piece.
  std::byte* at(std::uint64_t place) const {
    return ring.address() + (place & (capacity - kHeader));
  }
  std::atomic_ref<std::uint64_t> header(std::uint64_t place) const {
    return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at(place)));
  }

  // How long the next piece of a message is of which so much is left. Those that go in several have
  // pieces of a quarter of the ring: one is copied out while the next is copied in.
  std::uint64_t piece_of(std::uint64_t message, std::uint64_t left) const {
    return message <= largest_piece ? message : std::min<std::uint64_t>(left, capacity / 4);
  }

  const RingMemory ring;
  State* const state;  // never destroyed: nobody knows who is the last to use it
  const std::size_t capacity;
  const std::size_t largest_piece;

 private:
  Way(RingMemory memory, State* (*state_at)(void*))
      : ring(std::move(memory)),
        state(state_at(ring.beside())),
        capacity(ring.size()),
        largest_piece(capacity / 2 - 2 * kLine) {}
};

template <WaitClass kWaits>
class Sender {
 public:
  Sender(Way& way, const Side& side)
      : way_(way), state_(*way.state), waiting_(side, state_.receiver, kSlice) {
    enter();
  }

  Status send(std::span<const std::byte> message, Deadline deadline) {
    if (message.size() > kMaxFrame) return Status::too_big;
    std::uint64_t place;
    if (Status s = begin(place); s != Status::ok) return s;
    reserved_ = {};
    const std::size_t length = message.size();
    bool is_first = true;
    do {
      const auto piece = message.first(way_.piece_of(length, message.size()));
      const std::uint64_t next = following(place, piece.size());
      if (Status s = wait_for_room(next, deadline); s != Status::ok) return s;
      put(place, next, piece);
      publish(place, next, {piece.size(), length, std::exchange(is_first, false)});
      place = next;
      message = message.subspan(piece.size());
      deadline = Deadline::never();  // once a message has begun, it is finished
    } while (!message.empty());
    return Status::ok;
  }

  Status send_batch(std::span<const std::span<const std::byte>> messages, std::size_t& sent,
                    Deadline deadline) {
    sent = 0;
    reserved_ = {};
    while (sent < messages.size()) {
      std::uint64_t first;
      if (Status s = begin(first); s != Status::ok) return s;
      // As many as there is room for, none to be seen before the header of the first is.
      const std::size_t before = sent;
      std::uint64_t place = first;
      for (; sent < messages.size() && messages[sent].size() <= way_.largest_piece; ++sent) {
        const std::uint64_t next = following(place, messages[sent].size());
        if (!has_room(next)) break;
        put(place, next, messages[sent]);
        if (sent != before) way_.header(place).store(whole(messages[sent]), kQuietly);
        place = next;
      }
      if (sent != before) {
        publish(first, place, Header::of(whole(messages[before])));
      } else {
        if (Status s = send(messages[sent], deadline); s != Status::ok) return s;
        ++sent;
      }
    }
    return Status::ok;
  }

  Status reserve(std::size_t size, std::span<std::byte>& room, Deadline deadline) {
    if (size > way_.largest_piece) return Status::too_big;
    std::uint64_t place;
    if (Status s = begin(place); s != Status::ok) return s;
    if (Status s = wait_for_room(following(place, size), deadline); s != Status::ok) return s;
    room = {way_.at(place) + kHeader, size};
    reserved_ = {place, size, true};
    return Status::ok;
  }
  void commit() {
    const auto [place, size, is_there] = std::exchange(reserved_, Reserved());
    if (!is_there) return;
    const std::uint64_t next = following(place, size);
    way_.header(next).store(0, kQuietly);
    publish(place, next, {size, size, true});
  }

 private:
  static constexpr std::uint64_t kMostAhead = 4 * kLine;
  // The receiver does not look for a sleeper at every message, nor in every order.
  static constexpr std::chrono::milliseconds kSlice{5};
  static constexpr auto kPublish =
      kWaits == WaitClass::spin ? std::memory_order_release : std::memory_order_seq_cst;

  static constexpr auto kQuietly = std::memory_order_relaxed;  // seen when what follows is

  static std::uint64_t whole(std::span<const std::byte> message) {
    return Header{message.size(), message.size(), true}.word();
  }

  void enter() {
    if (!stay_.enter(state_.sender) && !state_.sender.is_taken()) {
      state_.is_unseen.store(true, std::memory_order_relaxed);
    }
  }

  // Where the next header will stand. closed: the other side is gone.
  Status begin(std::uint64_t& place) {
    if (!state_.sender.is_taken()) enter();
    if (waiting_.other_is_gone()) return Status::closed;
    // acquire: pairs with publish in another process that had this side; begun is not older.
    place = state_.sent.load(std::memory_order_acquire);
    if (state_.begun.load(std::memory_order_relaxed) == place) return Status::ok;
    // One that had this side was killed in publish, and has perhaps sent what stands there. The
    // header is looked at only then: that takes its line back from the receiver, which looks at it
    // too, and is a large part of a round trip.
    const std::uint64_t first = place;
    while (const std::uint64_t word = way_.header(place).load(std::memory_order_relaxed)) {
      if (place - first > way_.capacity) return Status::corrupt;
      place = following(place, std::min<std::uint64_t>(Header::of(word).piece, way_.capacity));
    }
    return Status::ok;
  }

  // Copies a piece to where nobody looks for it yet.
  void put(std::uint64_t place, std::uint64_t next, std::span<const std::byte> piece) {
    way_.header(next).store(0, kQuietly);
    if (!piece.empty()) std::memcpy(way_.at(place) + kHeader, piece.data(), piece.size());
  }

  // Shows what has been put from `place` up to `next`.
  void publish(std::uint64_t place, std::uint64_t next, const Header& header) {
    state_.begun.store(next, std::memory_order_relaxed);  // seen when the header is
    // release: pairs with the acquire in Receiver::has_message. seq_cst: before the look for a
    // sleeper, as that looks again after it has lain down.
    way_.header(place).store(header.word(), kPublish);
    state_.sent.store(next, std::memory_order_release);  // pairs with begin; after the header
    if constexpr (kWaits != WaitClass::spin) state_.sender.wake_sleeper();
    claim_ahead(next, next - place);
  }

  // Another message of this length is likely to follow. Its lines are fetched from the receiver's
  // cache now, not when it is sent: all but the first, at which the receiver looks. A stream of
  // small messages is half as fast again so, a round trip is not.
  void claim_ahead(std::uint64_t place, std::uint64_t frame) {
    if (frame > kMostAhead) return;
    const std::uint64_t end = place + frame + kHeader;
    for (std::uint64_t line = (place / kLine + 1) * kLine; line < end; line += kLine) {
      prefetch_for_write(way_.at(line));
    }
  }

  // What `received` must reach for room up to `next`, and for the header there.
  std::uint64_t needed_for(std::uint64_t next) const { return next + kHeader - way_.capacity; }

  // acquire: pairs with Receiver::free_up_to, which has read what will be overwritten.
  bool has_room(std::uint64_t next) {
    const auto has = [&] { return static_cast<std::int64_t>(received_ - needed_for(next)) >= 0; };
    if (!has()) received_ = state_.received.load(std::memory_order_acquire);
    return has();
  }

  Status wait_for_room(std::uint64_t next, Deadline deadline) {
    if (has_room(next)) return Status::ok;
    if constexpr (kWaits != WaitClass::spin) {
      // A quarter of the ring more, if that much is under way: not to be woken for each message.
      const std::uint64_t sent = state_.sent.load(std::memory_order_relaxed);
      const std::uint64_t more = needed_for(next) + way_.capacity / 4;
      state_.needed.store(static_cast<std::int64_t>(sent - more) < 0 ? sent : more);
    }
    return waiting_.until([&] { return has_room(next); }, deadline);
  }

  Way& way_;
  Way::State& state_;
  Waiting<kWaits> waiting_;
  Presence::Stay stay_;
  std::uint64_t received_ = 0;  // as far as is known here
  struct Reserved {
    std::uint64_t place = 0;
    std::size_t size = 0;
    bool is_there = false;
  };
  Reserved reserved_;
};

template <WaitClass kWaits>
class Receiver {
 public:
  Receiver(Way& way, const Side& side)
      : way_(way), state_(*way.state), waiting_(side, state_.sender, kSlice) {
    stay_.enter(state_.receiver);
  }

  Status receive(Buffer& message, Deadline deadline) {
    std::uint64_t place;
    Header header;
    if (Status s = begin(place, header, deadline); s != Status::ok) return s;
    const std::uint64_t length = header.message;
    for (std::size_t got = 0;;) {
      // Nothing that stands there is believed, the other side may have gone mad.
      if ((header.is_first && got != 0) || header.message != length ||
          header.piece != way_.piece_of(length, length - got)) {
        return Status::corrupt;
      }
      if (got == 0) message.resize(length);  // may throw: the message is still there then
      if (header.piece != 0) {
        std::memcpy(message.data() + got, way_.at(place) + kHeader, header.piece);
      }
      got += header.piece;
      place = following(place, header.piece);
      free_up_to(place);
      if (got == length) return Status::ok;
      if (!wait_for_piece(place)) return Status::corrupt;
      header = header_at(place);
    }
  }

  Status receive_batch(std::span<Buffer> buffers, std::size_t& received, Deadline deadline) {
    received = 0;
    if (buffers.empty()) return Status::ok;
    std::uint64_t place;
    Header header;
    if (Status s = begin(place, header, deadline); s != Status::ok) return s;
    const std::uint64_t first = place;
    while (is_whole(header)) {
      Buffer& buffer = buffers[received];
      try {
        buffer.resize(header.piece);
      } catch (const std::bad_alloc&) {
        if (received == 0) throw;
        break;  // those that were received are
      }
      if (header.piece != 0) {
        std::memcpy(buffer.data(), way_.at(place) + kHeader, header.piece);
      }
      place = following(place, header.piece);
      ++received;
      // acquire: pairs with Sender::publish.
      if (received == buffers.size() || way_.header(place).load(std::memory_order_acquire) == 0) {
        break;
      }
      header = header_at(place);
    }
    if (place != first) {
      free_up_to(place);
      return Status::ok;
    }
    const Status status = receive(buffers[0], deadline);
    if (status == Status::ok) received = 1;
    return status;
  }

  Status peek(std::span<const std::byte>& message, Deadline deadline) {
    Header header;
    std::uint64_t place;
    if (Status s = begin(place, header, deadline); s != Status::ok) return s;
    if (header.message > way_.largest_piece) return Status::too_big;
    if (!is_whole(header)) return Status::corrupt;
    message = {way_.at(place) + kHeader, header.piece};
    seen_ = following(place, header.piece);
    return Status::ok;
  }
  void release() {
    // Not what was received in between.
    if (static_cast<std::int64_t>(seen_ - state_.received.load(std::memory_order_relaxed)) > 0) {
      free_up_to(seen_);
    }
  }

  Status ready(Deadline deadline) {
    return wait(state_.received.load(std::memory_order_relaxed), deadline);
  }

 private:
  // Only for messages of one who has inherited the side of a process that is still there, and is
  // killed between its message and the wake-up.
  static constexpr std::chrono::milliseconds kSlice{200};

  // The first piece of the next message.
  Status begin(std::uint64_t& place, Header& header, Deadline deadline) {
    place = state_.received.load(std::memory_order_relaxed);
    if (Status s = wait(place, deadline); s != Status::ok) return s;
    header = header_at(place);
    // The rest of a message of which one was killed that had sent or received the beginning.
    const std::uint64_t begun = place;
    while (!header.is_first) {
      if (header.piece == 0 || place - begun > header.message + way_.capacity) {
        return Status::corrupt;
      }
      place = following(place, std::min<std::uint64_t>(header.piece, way_.capacity / 2));
      free_up_to(place);
      if (Status s = wait(place, deadline); s != Status::ok) return s;
      header = header_at(place);
    }
    return Status::ok;
  }

  // Not one of several pieces, as far as can be believed.
  bool is_whole(const Header& header) const {
    return header.is_first && header.piece == header.message && header.piece <= way_.capacity / 2;
  }

  Header header_at(std::uint64_t place) const {
    return Header::of(way_.header(place).load(std::memory_order_relaxed));
  }

  Status wait(std::uint64_t place, Deadline deadline) {
    // acquire: pairs with Sender::publish.
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
      if (!is_sent && !state_.sender.is_taken() && !state_.is_unseen.load()) return false;
    }
  }

  // What is before `place` may be overwritten. release: after it was read.
  void free_up_to(std::uint64_t place) {
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
  std::uint64_t seen_ = 0;  // the end of what was peeked at
};

}  // namespace ring
}  // namespace ipc
