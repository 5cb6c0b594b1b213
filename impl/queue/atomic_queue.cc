// SPDX-License-Identifier: MIT
// atomic_queue: an atomic_queue::AtomicQueue2 of slots in shared memory. Kernel objects: an
// anonymous shared mapping. Wait class: spin. Source: github.com/max0x7ba/atomic_queue. Limits:
// slots of 16, 48, 64, 256, 1024 or 4096 bytes, the smallest that fits; 64 KiB of them, whatever is
// asked; two that send, or two that receive, may use the same slot a turn of the ring apart in
// either order, so items of one producer can come out of order when more processes than CPUs take
// part; a process that is stopped or killed between its claim and its copy is waited for, also by
// calls with a deadline.
#include <cstdint>
#include <memory>

#include "impl/driver/untimed.h"
#include "impl/os/atomic_slots.h"
#include "impl/queue/backend.h"
#include "impl/sync/spinning.h"

namespace ipc {
namespace {

template <std::size_t kBytes, std::size_t kItems>
using MpmcSlots = AtomicSlots<kBytes, kItems, false>;

class AtomicQueue {
 public:
  class End : public Untimed<End> {
   public:
    explicit End(AtomicQueue& queue) : slots_(*queue.slots_), longest_(queue.longest_) {}

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      if (message.size() > longest_) return Status::too_big;
      return spin([&] { return slots_.push(message); }, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      if (message.capacity() < longest_) message.resize(longest_);  // now, as it may throw
      return spin([&] { return slots_.pop(message); }, deadline);
    }
    Status ready(Deadline deadline) {
      return spin([&] { return !slots_.is_empty(); }, deadline);
    }

   private:
    template <class Look>
    static Status spin(const Look& look, Deadline deadline) {
      constexpr std::uint32_t kLooksPerClock = 64;
      for (std::uint32_t looks = 1; !look(); ++looks) {
        if (looks % kLooksPerClock == 0 && deadline.passed()) return Status::timed_out;
        cpu_relax();
      }
      return Status::ok;
    }

    SlotQueue& slots_;
    const std::size_t longest_;
  };

  explicit AtomicQueue(const QueueOptions& options)
      : longest_(longest_slot_message(options.message_bytes)),
        slots_(make_slots<MpmcSlots>(longest_)) {}

  std::unique_ptr<End> open() { return std::make_unique<End>(*this); }
  std::size_t capacity_bytes() const { return kSlotQueueBytes; }

 private:
  const std::size_t longest_;
  const std::unique_ptr<SlotQueue> slots_;
};

const RegisterQueue<AtomicQueue> registered(
    "atomic_queue", {.summary = "atomic_queue::AtomicQueue2 of slots in shared memory",
                     .source = "atomic_queue of M. Egorushkin",
                     .wait_class = WaitClass::spin,
                     .max_message = kLargestSlot,
                     .capacity = CapacityUnit::items,
                     .producers = kMany,
                     .consumers = kMany,
                     .order = "first in, first out while nobody is preempted for a whole turn of "
                              "the ring; in no order otherwise",
                     .waitable = Waitable::slices,
                     .ordered = false,
                     .survives_kill = false,
                     .killed = {.inside = AfterKill::hang},
                     .on_kill = "nothing; hang if killed between claiming a slot and copying",
                     .needs = "libatomic-queue"});

}  // namespace
}  // namespace ipc
