// SPDX-License-Identifier: MIT
// A ring of messages in shared memory under two robust mutexes, one for those who send and one for
// those who receive; the kernel hands the mutex of a killed one to the next. A message is there
// when one word is written, so what a killed one leaves is whole. Messages of over half the ring
// stream through it in pieces, under the mutex; of those the next one drops the rest.
//
// It may also be bounded in items. What a killed one has put, or has not, counts with its bytes.
//
// Constructed before the processes that use it; any thread of any of them may call. A message in
// pieces is lost with who sends or receives it; where less than a quarter of the ring is freed, who
// waits for it may see it 50 ms late.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/mapping.h"
#include "impl/os/ring_memory.h"
#include "impl/os/status.h"
#include "impl/os/stream.h"
#include "impl/sync/event_count.h"
#include "impl/sync/process_mutex.h"

namespace ipc {

class RobustRing {
 public:
  // At most `max_items` messages, of any number when that is 0.
  explicit RobustRing(std::size_t capacity_bytes, std::uint32_t max_items = 0)
      : max_items_(max_items == 0 ? UINT32_MAX : max_items),
        ring_(std::min(capacity_bytes, kMostCapacity)) {
    ring_.close_descriptor();
  }

  std::size_t capacity_bytes() const { return ring_.size(); }
  // Messages in it, without those that somebody has begun to take.
  std::uint32_t size() const {
    for (;;) {
      const std::uint64_t received = state_->received.load();
      const std::uint32_t items = Place::of(state_->sent.load()).items - Place::of(received).items;
      if (state_->received.load() == received) return items;
    }
  }
  // A corrupt message was met, which nobody can pass.
  bool broken() const { return state_->broken.load(std::memory_order_relaxed); }
  // A send of such a message waits for room before it begins, or not at all; a longer one may also
  // wait in its midst, whatever the deadline.
  bool is_whole(std::size_t bytes) const {
    return bytes <= kMostWhole && frame(bytes) <= capacity() / 2;
  }

  Status send(std::span<const std::byte> message, Deadline deadline) {
    if (message.size() > kMaxFrame) return Status::too_big;
    const Status status =
        is_whole(message.size()) ? send_whole(message, deadline) : send_pieces(message, deadline);
    pass_on_room();
    return status;
  }

  Status receive(Buffer& message, Deadline deadline) {
    for (;;) {
      if (!wait_for_message(deadline)) return Status::timed_out;
      std::optional<Status> status;
      {
        const Turn turn(state_->receiving, for_turn(deadline));
        if (!turn) status = Status::timed_out;
        while (!status && has_message()) status = take(message);
      }
      if (!status) continue;  // another was faster
      if (*status == Status::corrupt) state_->broken.store(true, std::memory_order_relaxed);
      pass_on_message();
      return *status;
    }
  }

  // Says nothing about who will get the message that is there.
  Status ready(Deadline deadline) const {
    return wait_for_message(deadline) ? Status::ok : Status::timed_out;
  }

 private:
  static constexpr std::size_t kApart = 128;  // neighbouring lines are fetched in pairs

  // The word before each piece of a message.
  struct Header {
    enum Kind : std::uint64_t {
      first,    // of a message
      further,  // pieces of it
      aborted,  // and no piece follows: the sender was killed
    };

    std::uint64_t piece;    // bytes that follow
    std::uint64_t message;  // bytes of it all
    Kind kind;

    std::uint64_t word() const { return message << 32 | piece << 2 | kind; }
    static Header of(std::uint64_t word) {
      return {(word & 0xffffffff) >> 2, word >> 32, static_cast<Kind>(word & 3)};
    }
  };
  static constexpr std::size_t kHeader = sizeof(std::uint64_t);
  static constexpr std::size_t kMostWhole = 0x1fffffff;  // of a piece, whose length has 30 bits

  static constexpr std::size_t frame(std::size_t bytes) {
    return kHeader + (bytes + kHeader - 1) / kHeader * kHeader;
  }

  // How far the ring was filled or read, from the first byte ever sent: the unit in which lengths
  // are, and messages begun. Both wrap; differences count. One word, for who is killed must not
  // leave the one without the other.
  struct Place {
    std::uint32_t units;  // of kHeader bytes
    std::uint32_t items;

    Place behind(const Header& header) const {
      return {units + static_cast<std::uint32_t>(frame(header.piece) / kHeader),
              items + (header.kind == Header::first ? 1 : 0)};
    }
    std::uint64_t word() const { return std::uint64_t{items} << 32 | units; }
    static Place of(std::uint64_t word) {
      return {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32)};
    }
  };
  static constexpr std::size_t kMostCapacity = kHeader << 31;  // whose units a Place can tell apart

  // Held until the end of the scope, if it was taken.
  class Turn {
   public:
    Turn(RobustMutex& mutex, Deadline deadline) : mutex_(mutex), taken_(mutex.lock(deadline)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (*this) mutex_.unlock();
    }
    explicit operator bool() const { return taken_ != RobustMutex::Taken::timed_out; }

   private:
    RobustMutex& mutex_;
    const RobustMutex::Taken taken_;
  };

  // `sent` and `received` are words of a Place, written by the holder of the mutex beside them;
  // seq_cst, as event_count.h wants it, which also orders the bytes.
  struct State {
    alignas(kApart) RobustMutex sending;
    bool in_pieces = false;  // a message is being sent, and not all of it is there
    std::atomic<std::uint64_t> sent{0};
    alignas(kApart) RobustMutex receiving;
    std::atomic<std::uint64_t> received{0};
    // Each for those outside of the mutex, and for the one that holds it in mid-message.
    alignas(kApart) EventCount message_came;
    EventCount piece_came;
    alignas(kApart) EventCount room_came;
    EventCount piece_room_came;
    std::atomic<bool> broken{false};  // for good; looked at anywhere
  };

  // Who must not wait gives others the time to copy, for a queue is not full because of them.
  static constexpr std::chrono::milliseconds kTurnAtLeast{1};
  // So often others may be faster, then who waits for room does so in its turn.
  static constexpr int kPatience = 16;
  // How often a receiver looks whether somebody still sends the rest of its message.
  static constexpr std::chrono::milliseconds kLook{50};

  static Deadline for_turn(Deadline deadline) {
    if (deadline.is_never()) return deadline;
    const Deadline least = Deadline::after(kTurnAtLeast);
    return deadline.ns() < least.ns() ? least : deadline;
  }

  std::size_t capacity() const { return ring_.size(); }
  std::byte* at(Place place) const {
    return ring_.address() + (std::size_t{place.units} * kHeader & (capacity() - kHeader));
  }

  // Bytes that were sent and not received.
  std::size_t used() const {
    const std::uint32_t received = Place::of(state_->received.load()).units;
    return std::size_t{Place::of(state_->sent.load()).units - received} * kHeader;
  }
  // What can be sent at once.
  std::size_t room() const { return capacity() - used(); }
  bool has_room_for_item() const { return max_items_ == UINT32_MAX || size() < max_items_; }
  bool fits(std::size_t bytes) const { return room() >= bytes && has_room_for_item(); }
  bool wait_for_room(EventCount& event, std::size_t bytes, Deadline deadline) {
    return event.wait([&] { return fits(bytes); }, deadline);
  }
  bool has_message() const { return state_->sent.load() != state_->received.load(); }
  bool wait_for_message(Deadline deadline) const {
    return state_->message_came.wait([this] { return has_message(); }, deadline);
  }
  // A wake-up that was not used is for the next who sleeps.
  void pass_on_message() {
    if (has_message()) state_->message_came.notify_one();
  }
  void pass_on_room() {
    if (fits(capacity() / 4)) state_->room_came.notify_one();
  }

  // REQUIRES: the turn to send, and room.
  void put(const Header& header, const std::byte* bytes) {
    const Place place = Place::of(state_->sent.load(std::memory_order_relaxed));
    const std::uint64_t word = header.word();
    std::memcpy(at(place), &word, sizeof word);
    if (bytes != nullptr) std::memcpy(at(place) + kHeader, bytes, header.piece);
    state_->sent.store(place.behind(header).word());
  }

  // Takes the turn to send when there is so much room, and calls `put_it`.
  template <class Put>
  Status in_turn(std::size_t bytes, Deadline deadline, const Put& put_it) {
    for (int tries = 0;; ++tries) {
      const bool insists = tries == kPatience;
      if (!insists && !wait_for_room(state_->room_came, bytes, deadline)) return Status::timed_out;
      const Turn turn(state_->sending, for_turn(deadline));
      if (!turn) return Status::timed_out;
      if (insists && !wait_for_room(state_->piece_room_came, bytes + kHeader, deadline)) {
        return Status::timed_out;
      }
      if (state_->in_pieces && room() >= bytes) abort_pieces();
      if (!fits(bytes)) continue;  // another was faster
      put_it();
      return Status::ok;
    }
  }

  Status send_whole(std::span<const std::byte> message, Deadline deadline) {
    const Status status = in_turn(frame(message.size()), deadline, [&] {
      put({message.size(), message.size(), Header::first}, message.data());
    });
    if (status == Status::ok) tell_receivers();
    return status;
  }

  Status send_pieces(std::span<const std::byte> message, Deadline deadline) {
    const std::size_t length = message.size();
    const std::size_t most = std::min(capacity() / 4, kMostWhole);
    return in_turn(capacity() / 2, deadline, [&] {
      state_->in_pieces = true;
      for (Header::Kind kind = Header::first; !message.empty(); kind = Header::further) {
        const auto piece = message.first(std::min(message.size(), most));
        state_->piece_room_came.wait([&] { return room() >= frame(piece.size()); },
                                     Deadline::never());
        put({piece.size(), length, kind}, piece.data());
        message = message.subspan(piece.size());
        if (message.empty()) state_->in_pieces = false;
        tell_receivers();
      }
    });
  }

  void tell_receivers() {
    state_->message_came.notify_one();
    state_->piece_came.notify_one();
  }

  // For one that was killed before it had sent all. REQUIRES: the turn to send, and room.
  void abort_pieces() {
    put({0, 0, Header::aborted}, nullptr);
    state_->in_pieces = false;
  }

  // The next piece was read and may be overwritten. Who waits for room is woken for each quarter of
  // the ring, and when it is empty or had as many items as it may, not for each message; it looks
  // by itself meanwhile.
  void skip(const Header& header) {
    const Place before = next_place();
    const Place after = before.behind(header);
    state_->received.store(after.word());
    const std::size_t quarter = capacity() / kHeader / 4;
    // Looked at after the store: who sees it full from now on has seen that as well.
    const std::uint32_t items = Place::of(state_->sent.load()).items - before.items;
    if (before.units / quarter != after.units / quarter || !has_message() || items >= max_items_) {
      state_->room_came.notify_one();
      state_->piece_room_came.notify_one();
    }
  }

  Place next_place() const { return Place::of(state_->received.load(std::memory_order_relaxed)); }
  Header next_header() const {
    std::uint64_t word;
    std::memcpy(&word, at(next_place()), sizeof word);
    return Header::of(word);
  }
  // The bytes behind the next header, if there can be so many.
  const std::byte* next_bytes() const { return at(next_place()) + kHeader; }
  // Nothing that stands there is believed: somebody may have gone mad.
  bool is_possible(const Header& header) const {
    const std::size_t there = used();
    return header.piece <= header.message && header.message <= kMaxFrame && there <= capacity() &&
           frame(header.piece) <= there;
  }

  // Takes the next message; nothing when it turns out to be one of which the sender or the receiver
  // was killed. REQUIRES: the turn to receive, and a piece.
  std::optional<Status> take(Buffer& message) {
    Header header = next_header();
    if (!is_possible(header)) return Status::corrupt;
    if (header.kind != Header::first) {
      skip(header);
      return std::nullopt;
    }
    const std::uint64_t length = header.message;
    message.resize(length);  // may throw: the message is still there then
    for (std::size_t got = 0;;) {
      if (header.piece != 0) std::memcpy(message.data() + got, next_bytes(), header.piece);
      got += header.piece;
      skip(header);
      if (got == length) return Status::ok;
      if (!wait_for_piece()) return std::nullopt;
      header = next_header();
      if (header.kind != Header::further) return std::nullopt;  // it was aborted
      if (!is_possible(header) || header.message != length || header.piece > length - got ||
          header.piece == 0) {
        return Status::corrupt;
      }
    }
  }

  // False when nobody sends it any more.
  bool wait_for_piece() {
    const auto look = [this] { return has_message(); };
    while (!state_->piece_came.wait(look, Deadline::after(kLook))) {
      const Turn turn(state_->sending, Deadline::now());
      if (!turn) continue;
      if (has_message()) return true;
      state_->in_pieces = false;
      return false;
    }
    return true;
  }

  const std::uint32_t max_items_;
  RingMemory ring_;
  Shared<State> state_;
};

}  // namespace ipc
