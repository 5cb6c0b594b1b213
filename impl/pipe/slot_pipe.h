// SPDX-License-Identifier: MIT
// A pipe made of another library's queues of fixed slots in shared memory, one each way, whose
// sides spin. The library moves the messages; the end of file is ours (ring_side.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "impl/driver/untimed.h"
#include "impl/os/mapping.h"
#include "impl/os/slots.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/ring_side.h"

namespace ipc {

// Queue<kBytes, kItems> as in slots.h, for one sender and one receiver.
template <template <std::size_t, std::size_t> class Queue>
class SlotPipe {
  struct Present {
    alignas(ring::kApart) Presence of_side[2];
  };
  struct Ways {
    Ways(bool duplex, std::size_t longest) {
      to[0] = make_slots<Queue>(longest);
      if (duplex) to[1] = make_slots<Queue>(longest);
    }
    std::unique_ptr<SlotQueue> to[2];  // what each side receives from
    Shared<ring::Cpus> cpus;
    Shared<Present> present;
  };

 public:
  class End : public Untimed<End> {
   public:
    End(const std::shared_ptr<Ways>& ways, std::size_t longest, int number,
        LifetimeToken::Hold hold)
        : ways_(ways),
          in_(ways->to[number].get()),
          out_(ways->to[1 - number].get()),
          longest_(longest),
          side_{number, std::move(hold), *ways->cpus},
          here_(ways->present->of_side[number]),
          waiting_(side_, ways->present->of_side[1 - number], kNoSleep) {
      stay_.enter(here_);
    }

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      if (message.size() > longest_) return Status::too_big;
      if (!here_.is_taken()) stay_.enter(here_);
      if (waiting_.other_is_gone()) return Status::closed;
      const auto push = [&] { return out_->push(message); };
      return push() ? Status::ok : waiting_.until(push, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      if (message.capacity() < longest_) message.resize(longest_);  // now, as it may throw
      if (!here_.is_taken()) stay_.enter(here_);
      const auto pop = [&] { return in_->pop(message); };
      return pop() ? Status::ok : waiting_.until(pop, deadline);
    }
    Status ready(Deadline deadline) {
      const auto has = [&] { return !in_->is_empty(); };
      const Status status = has() ? Status::ok : waiting_.until(has, deadline);
      return status == Status::closed ? Status::ok : status;
    }

   private:
    static constexpr std::chrono::nanoseconds kNoSleep{0};

    const std::shared_ptr<Ways> ways_;
    SlotQueue* const in_;
    SlotQueue* const out_;
    const std::size_t longest_;
    const ring::Side side_;
    Presence& here_;
    ring::Waiting<WaitClass::spin> waiting_;
    Presence::Stay stay_;
  };

  explicit SlotPipe(const PipeOptions& options)
      : longest_(longest_slot_message(options.message_bytes)),
        ways_(std::make_shared<Ways>(options.duplex, longest_)) {}

  std::unique_ptr<End> open(int side) {
    return std::make_unique<End>(ways_, longest_, side, token_.take(side));
  }
  void drop(int side) { token_.drop(side); }
  std::size_t capacity_bytes() const { return kSlotQueueBytes; }

 private:
  const std::size_t longest_;
  const std::shared_ptr<Ways> ways_;  // shared, as an endpoint may outlive the backend
  LifetimeToken token_;
};

// What holds for all of them.
inline Traits slot_pipe_traits(std::string summary, std::string source, std::string needs) {
  return {.summary = std::move(summary),
          .source = std::move(source),
          .wait_class = WaitClass::spin,
          .max_message = kLargestSlot,
          .capacity = CapacityUnit::items,
          .waitable = Waitable::slices,
          .killed = {AfterKill::end_of_file, AfterKill::end_of_file, AfterKill::end_of_file},
          .on_kill = "end of file after the messages already sent",
          .needs = std::move(needs)};
}

}  // namespace ipc
