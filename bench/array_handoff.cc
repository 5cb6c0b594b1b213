// SPDX-License-Identifier: MIT
// array_handoff: how long does a payload take there and back, if both sides share an array each way
// and two semaphores tell when it is filled and when it is empty again? What pipe_latency and
// queue_latency ask, with the same loops, of what a user would make of Array and Semaphore.
//
//   ping --write, signal--> array --read--> pong
//        <--read-- array <--signal, write--
#include <cstring>

#include "bench/harness/shared_peers.h"
#include "impl/driver/carriers.h"
#include "impl/sync/posix_semaphore.h"
#include "impl/sync/semaphore_word.h"

namespace ipc::bench {
namespace {

template <class Semaphore>
struct Direction {
  alignas(2 * kCacheLine) Semaphore empty{1u};
  alignas(2 * kCacheLine) Semaphore filled{0u};
};

// Both ways: an array, and its semaphores.
template <class Semaphore>
class Arrays {
 public:
  Arrays(const MemoryEntry& memory, std::size_t bytes)
      : arrays_{memory.make(bytes), memory.make(bytes)}, bytes_(bytes) {}

  class End {
   public:
    End(std::shared_ptr<Arrays> arrays, int side) : arrays_(std::move(arrays)), side_(side) {}

    Status send(std::span<const std::byte> message) {
      Direction<Semaphore>& out = *arrays_->directions_[side_];
      if (!out.empty.acquire()) return Status::system_error;
      std::memcpy(arrays_->arrays_[side_]->address(), message.data(), message.size());
      out.filled.release();
      return Status::ok;
    }
    Status receive(Buffer& message) {
      Direction<Semaphore>& in = *arrays_->directions_[1 - side_];
      if (!in.filled.acquire()) return Status::system_error;
      message.resize(arrays_->bytes_);
      std::memcpy(message.data(), arrays_->arrays_[1 - side_]->address(), arrays_->bytes_);
      in.empty.release();
      return Status::ok;
    }

   private:
    std::shared_ptr<Arrays> arrays_;
    int side_;
  };

 private:
  std::unique_ptr<AnyMemory> arrays_[2];
  Shared<Direction<Semaphore>> directions_[2];
  std::size_t bytes_;
};

template <class Semaphore>
std::unique_ptr<Team> start(const SharedParts& parts, const Keys& keys, const RunOptions& options) {
  using End = typename Arrays<Semaphore>::End;
  const auto arrays = std::make_shared<Arrays<Semaphore>>(parts.memory, keys.bytes);
  TeamPlan plan;
  plan.bytes = keys.bytes;
  plan.placement = *keys.placement;
  plan.round_trips = std::make_shared<Shared<Histogram>>();
  plan.producers = {{.name = "ping", .open = [arrays, times = plan.round_trips]() -> Job {
                       return [end = End(arrays, 0), check = SequenceCheck(),
                               times](const LoopPlan& batch) mutable {
                         typename Copying<End>::Out out(end, batch.bytes);
                         typename Copying<End>::In in(end, batch.bytes);
                         return ping(out, in, batch, check, **times);
                       };
                     }}};
  plan.consumers = {{.name = "pong", .open = [arrays]() -> Job {
                       return [end = End(arrays, 1),
                               check = SequenceCheck()](const LoopPlan& batch) mutable {
                         typename Copying<End>::In in(end, batch.bytes);
                         typename Copying<End>::Out out(end, batch.bytes);
                         return pong(in, out, batch, check);
                       };
                     }}};
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterQuestion registered([] {
  std::vector<Series> series;
  const auto ask = [&](const SharedParts& parts, StartShared how) {
    for (const std::size_t bytes : kArraySizes) {
      for (const Placement placement : {Placement::same, Placement::cross}) {
        series.push_back(shared_series("array_handoff", Metric::latency, parts,
                                       {.bytes = bytes, .placement = placement}, how,
                                       wants_nothing));
      }
    }
  };
  // The signal is of the kind of that lock.
  for (const SharedParts& parts : each_memory("futex")) ask(parts, start<SemaphoreWord>);
  ask({MemoryRegistry::get("anonymous"), LockRegistry::get("posix_sem")}, start<PosixSemaphore>);
  return series;
});

}  // namespace
}  // namespace ipc::bench
