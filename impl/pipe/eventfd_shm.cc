// SPDX-License-Identifier: MIT
// eventfd_shm: a ring of bytes in shared memory each way, length-prefixed messages, and two
// eventfds that are rung for a side that sleeps: there is data, there is room. Messages up to half
// the ring appear whole; longer ones stream through it. Kernel objects: an anonymous mapping and
// two eventfds each way, two sockets for the lifetime token, and an epoll set for each descriptor
// that an endpoint sleeps on. Wait class: block. Source: eventfd(2), epoll(7). Limit: a send makes
// one short system call even when nobody sleeps, to learn whether the other side is there.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>

#include "impl/driver/untimed.h"
#include "impl/os/error.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/mapping.h"
#include "impl/os/stream.h"
#include "impl/pipe/backend.h"

namespace ipc {
namespace {

// How often a sleeper looks by itself: the other may be killed between its message and the bell,
// and somebody else still hold its side.
constexpr std::chrono::milliseconds kLook{50};
constexpr std::size_t kLine = 64;
constexpr std::size_t kSmallestRing = 4096;
constexpr std::size_t kHeader = sizeof(std::uint64_t);  // of a message: its length

// Messages begin at multiples of the header's size, so that no header wraps; and what is published
// of a message that is longer than the room ends at one.
constexpr std::uint64_t aligned(std::uint64_t place) {
  return (place + kHeader - 1) / kHeader * kHeader;
}

// Rung by one side for the other. How often it was rung means nothing, so it is never read: who
// sleeps is told of each new ring.
class Bell {
 public:
  Bell() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!fd_) throw_errno("eventfd");
  }
  void ring() const { static_cast<void>(eventfd_write(fd_.get(), 1)); }
  LifetimeToken::Watch watch(const LifetimeToken::Hold& hold) const {
    return {hold, fd_.get(), EPOLLIN | EPOLLET};
  }

 private:
  UniqueFd fd_;
};

// One direction. Places in the ring are counted from the first byte ever sent.
struct Way {
  // In shared memory. Apart: what the sender writes for each message, what the receiver does, and
  // what both read for each message but seldom write.
  //
  // Neither is further from the other than the capacity, or a hostile peer has written there.
  //
  // All seq_cst: publishing comes before the look at whether somebody sleeps, and saying so before
  // the last look at what is published; one of the two sees the other. The loads of `sent` and
  // `received` also see what was copied before.
  struct State {
    alignas(kLine) std::atomic<std::uint64_t> sent{0};             // end of what may be received
    alignas(kLine) std::atomic<std::uint64_t> received{0};         // end of what may be overwritten
    alignas(kLine) std::atomic<std::uint32_t> receiver_sleeps{0};  // no bool: others write here
    std::atomic<std::size_t> sender_wants{0};                      // bytes of room, if it sleeps
  };

  explicit Way(std::size_t capacity_bytes)
      : capacity(std::bit_ceil(std::max(capacity_bytes, kSmallestRing))),
        mapping(sizeof(State) + capacity),
        state(*::new (mapping.address()) State),
        ring(static_cast<std::byte*>(mapping.address()) + sizeof(State)) {}

  bool is_nonsense(std::uint64_t sent, std::uint64_t received) const {
    return sent - received > capacity;
  }

  void copy_in(std::uint64_t place, std::span<const std::byte> bytes) {
    const auto [at, first] = split(place, bytes.size());
    std::memcpy(at, bytes.data(), first);
    std::memcpy(ring, bytes.data() + first, bytes.size() - first);
  }
  void copy_out(std::uint64_t place, std::span<std::byte> bytes) const {
    const auto [at, first] = split(place, bytes.size());
    std::memcpy(bytes.data(), at, first);
    std::memcpy(bytes.data() + first, ring, bytes.size() - first);
  }
  std::pair<std::byte*, std::size_t> split(std::uint64_t place, std::size_t bytes) const {
    const std::size_t offset = place & (capacity - 1);
    return {ring + offset, std::min(bytes, capacity - offset)};
  }

  const std::size_t capacity;
  const Mapping mapping;
  State& state;
  std::byte* const ring;
  const Bell data;
  const Bell room;
};

class Sender {
 public:
  Sender(std::shared_ptr<Way> way, const LifetimeToken::Hold& hold)
      : way_(std::move(way)), state_(way_->state), hold_(hold), watch_(way_->room.watch(hold)) {}

  Status send(std::span<const std::byte> message, Deadline deadline) {
    if (message.size() > kMaxFrame) return Status::too_big;
    if (hold_.is_alone()) return Status::closed;
    const std::uint64_t length = message.size();
    std::uint64_t place = state_.sent.load();
    const std::size_t whole = kHeader + aligned(length);
    if (Status s = wait(place, std::min(whole, way_->capacity / 2), deadline); s != Status::ok) {
      return s;
    }
    way_->copy_in(place, std::as_bytes(std::span(&length, 1)));
    place += kHeader;
    while (!message.empty()) {
      if (room(place) == 0) {
        publish(place);
        const std::size_t next = std::min(message.size(), way_->capacity / 4);
        if (Status s = wait(place, next, Deadline::never()); s != Status::ok) return s;
      }
      const auto piece = message.first(std::min(message.size(), room(place)));
      way_->copy_in(place, piece);
      place += piece.size();
      message = message.subspan(piece.size());
    }
    publish(aligned(place));
    return Status::ok;
  }

 private:
  std::size_t room(std::uint64_t place) const {
    const std::uint64_t used = place - received_;
    return used < way_->capacity ? way_->capacity - used : 0;
  }
  bool has_room(std::uint64_t place, std::size_t bytes) {
    if (room(place) < bytes) received_ = state_.received.load();
    return room(place) >= bytes;
  }

  void publish(std::uint64_t place) {
    state_.sent.store(place);
    if (state_.receiver_sleeps.load() != 0 && state_.receiver_sleeps.exchange(0) != 0)
      way_->data.ring();
  }

  Status wait(std::uint64_t place, std::size_t bytes, Deadline deadline) {
    while (!has_room(place, bytes)) {
      if (way_->is_nonsense(place, received_)) return Status::corrupt;
      state_.sender_wants.store(bytes);
      if (has_room(place, bytes)) break;
      const Status s = watch_.wait(deadline.within(kLook));
      if (s == Status::timed_out ? deadline.passed() : s != Status::ok) return s;
    }
    return Status::ok;
  }

  const std::shared_ptr<Way> way_;
  Way::State& state_;
  const LifetimeToken::Hold& hold_;
  const LifetimeToken::Watch watch_;
  std::uint64_t received_ = 0;  // as far as is known here
};

class Receiver {
 public:
  Receiver(std::shared_ptr<Way> way, const LifetimeToken::Hold& hold)
      : way_(std::move(way)), state_(way_->state), watch_(way_->data.watch(hold)) {}

  Status receive(Buffer& message, Deadline deadline) {
    if (Status s = wait(deadline); s != Status::ok) return s;
    std::uint64_t place = state_.received.load();
    std::uint64_t length;
    way_->copy_out(place, std::as_writable_bytes(std::span(&length, 1)));
    if (way_->is_nonsense(sent_, place) || length > kMaxFrame) return Status::corrupt;
    // The sender publishes these as a whole; what is not there would never come.
    const std::uint64_t whole = kHeader + aligned(length);
    if (whole <= way_->capacity / 2 && sent_ - place < whole) return Status::corrupt;
    message.resize(length);  // may throw: the header is still there then
    place += kHeader;
    std::span<std::byte> rest = message.bytes();
    while (!rest.empty()) {
      if (sent_ == place) {
        release(place);
        const Status s = wait(Deadline::never());
        if (s != Status::ok) return s == Status::closed ? Status::corrupt : s;
      }
      if (way_->is_nonsense(sent_, place)) return Status::corrupt;
      const auto piece = rest.first(std::min<std::size_t>(rest.size(), sent_ - place));
      way_->copy_out(place, piece);
      place += piece.size();
      rest = rest.subspan(piece.size());
    }
    release(aligned(place));
    if (announces_ && !has_data()) listen();
    return Status::ok;
  }

  // Until there is something that was not received.
  Status wait(Deadline deadline) {
    while (!has_data()) {
      state_.receiver_sleeps.store(1);
      if (has_data()) break;
      const Status s = watch_.wait(deadline.within(kLook));
      if (s == Status::closed) return has_data() ? Status::ok : Status::closed;
      if (s == Status::timed_out ? deadline.passed() : s != Status::ok) return s;
    }
    return Status::ok;
  }

  // A descriptor that is readable whenever there is data: for this it must be rung for each message
  // that comes to an empty ring, so it is done only when somebody asked.
  int announce() {
    if (!announces_) listen();
    announces_ = true;
    return watch_.fd();
  }

 private:
  bool has_data() {
    const std::uint64_t place = state_.received.load();
    if (sent_ == place || way_->is_nonsense(sent_, place)) sent_ = state_.sent.load();
    return sent_ != place;
  }

  void release(std::uint64_t place) {
    state_.received.store(place);
    const std::size_t wanted = state_.sender_wants.load();
    if (wanted == 0 || place + way_->capacity < state_.sent.load() + wanted) return;
    if (state_.sender_wants.exchange(0) != 0) way_->room.ring();
  }

  // Silences the bell and has the next message ring it, or that which came before it could.
  void listen() {
    static_cast<void>(watch_.wait(Deadline::now()));
    state_.receiver_sleeps.store(1);
    if (has_data()) way_->data.ring();
  }

  const std::shared_ptr<Way> way_;
  Way::State& state_;
  const LifetimeToken::Watch watch_;
  std::uint64_t sent_ = 0;  // as far as is known here
  bool announces_ = false;
};

class EventfdShm {
 public:
  class End : public Untimed<End> {
   public:
    End(const std::shared_ptr<Way>& in, const std::shared_ptr<Way>& out, LifetimeToken::Hold hold)
        : hold_(std::move(hold)) {
      if (in) in_.emplace(in, hold_);
      if (out) out_.emplace(out, hold_);
    }

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      return out_->send(message, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      return in_->receive(message, deadline);
    }
    Status ready(Deadline deadline) {
      const Status status = in_->wait(deadline);
      return status == Status::closed ? Status::ok : status;
    }
    int wait_fd() { return in_ ? in_->announce() : hold_.fd(); }

   private:
    const LifetimeToken::Hold hold_;
    std::optional<Receiver> in_;
    std::optional<Sender> out_;
  };

  explicit EventfdShm(const PipeOptions& options)
      : to_{std::make_shared<Way>(options.capacity_bytes),
            options.duplex ? std::make_shared<Way>(options.capacity_bytes) : nullptr} {}

  std::unique_ptr<End> open(int side) {
    return std::make_unique<End>(to_[side], to_[1 - side], token_.take(side));
  }
  void drop(int side) { token_.drop(side); }
  std::size_t capacity_bytes() const { return to_[0]->capacity; }

 private:
  const std::shared_ptr<Way> to_[2];  // what each side receives from
  LifetimeToken token_;
};

const RegisterPipe<EventfdShm> registered(
    "eventfd_shm",
    {.summary = "ring of bytes in shared memory each way, eventfds to wake who sleeps",
     .source = "eventfd(2), epoll(7)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill = "end of file after the messages already sent; corrupt if killed inside a message "
                "of more than half the ring"});

}  // namespace
}  // namespace ipc
