// SPDX-License-Identifier: MIT
// sem_ring: a ring of slots under three semaphores: free slots, used slots, and one as a lock. What
// textbooks teach, and the same calls as CPython's Lock. Kernel objects: an anonymous shared
// mapping. Wait class: block. Source: sem_overview(7); Dijkstra, EWD 123. Limit: every item takes
// the room of the longest message, which is fixed when the queue is made, and all of it is touched
// then; a semaphore knows no holder, so a killed one is waited for, also by calls with a deadline.
#include <cstring>

#include "impl/driver/untimed.h"
#include "impl/os/mapping.h"
#include "impl/os/naps.h"
#include "impl/queue/backend.h"
#include "impl/queue/item_bounds.h"
#include "impl/sync/posix_semaphore.h"

namespace ipc {
namespace {

class SemRing {
 public:
  class End : public Untimed<End> {
   public:
    explicit End(SemRing& ring) : ring_(ring) {}
    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      return ring_.send(message, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      return ring_.receive(message, deadline);
    }
    // Looks again after naps: a semaphore cannot be waited for without taking it from others.
    Status ready(Deadline deadline) {
      return nap_until(deadline,
                       [this] { return ring_.size() != 0 ? Status::ok : Status::timed_out; });
    }

   private:
    SemRing& ring_;
  };

  explicit SemRing(const QueueOptions& options)
      : bounds_(item_bounds(options)), state_(bounds_.items), slots_(bounds_.items * stride()) {}

  std::unique_ptr<End> open() { return std::make_unique<End>(*this); }
  std::size_t capacity_bytes() const { return bounds_.items * bounds_.message_bytes; }
  std::uint32_t size() const { return state_->used.value(); }

 private:
  struct State {
    explicit State(std::uint32_t items) : free(items) {}
    // Apart, as producers sleep and look at one, consumers at another.
    alignas(64) PosixSemaphore free;
    alignas(64) PosixSemaphore used{0};
    alignas(64) PosixSemaphore lock{1};  // guards the rest, and the slots
    std::uint32_t first = 0;
    std::uint32_t next = 0;
  };
  using Length = std::uint64_t;  // in front of each slot

  std::size_t stride() const {
    return sizeof(Length) +
           (bounds_.message_bytes + sizeof(Length) - 1) / sizeof(Length) * sizeof(Length);
  }
  // One of ours, whatever a hostile peer writes into the state.
  std::byte* slot(std::uint32_t number) const {
    return static_cast<std::byte*>(slots_.address()) + number % bounds_.items * stride();
  }
  std::uint32_t after(std::uint32_t number) const {
    return number + 1 == bounds_.items ? 0 : number + 1;
  }

  Status send(std::span<const std::byte> message, Deadline deadline) {
    if (message.size() > bounds_.message_bytes) return Status::too_big;
    if (!state_->free.acquire(deadline)) return Status::timed_out;
    state_->lock.acquire();
    std::byte* const to = slot(state_->next);
    const Length length = message.size();
    std::memcpy(to, &length, sizeof length);
    if (length != 0) std::memcpy(to + sizeof length, message.data(), length);
    state_->next = after(state_->next);
    state_->lock.release();
    state_->used.release();
    return Status::ok;
  }

  Status receive(Buffer& message, Deadline deadline) {
    // Before anything is taken, as it may throw.
    if (message.capacity() < bounds_.message_bytes) message.resize(bounds_.message_bytes);
    if (!state_->used.acquire(deadline)) return Status::timed_out;
    state_->lock.acquire();
    const std::byte* const from = slot(state_->first);
    Length length;
    std::memcpy(&length, from, sizeof length);
    const bool good = length <= bounds_.message_bytes;
    message.resize(good ? length : 0);
    if (message.size() != 0) std::memcpy(message.data(), from + sizeof length, length);
    state_->first = after(state_->first);
    state_->lock.release();
    state_->free.release();
    return good ? Status::ok : Status::corrupt;
  }

  ItemBounds bounds_;
  Shared<State> state_;
  Mapping slots_;
};

const RegisterQueue<SemRing> registered(
    "sem_ring", {.summary = "ring of slots under POSIX semaphores",
                 .source = "sem_overview(7); EWD 123",
                 .wait_class = WaitClass::block,
                 .max_message = 0x7fffffff,
                 .unsized_message = kUnknownMessage,
                 .capacity = CapacityUnit::items,
                 .producers = kMany,
                 .consumers = kMany,
                 .order = "first in, first out over all producers",
                 .waitable = Waitable::slices,
                 .survives_kill = false,
                 .killed = {.inside = AfterKill::hang},
                 .on_kill = "nothing while waiting or between calls; killed while it holds the "
                            "lock or a slot: the others hang, now or when the ring is full"});

}  // namespace
}  // namespace ipc
