// SPDX-License-Identifier: MIT
// shm_ring: a ring of messages in shared memory each way (one for a one-way pipe; message_ring.h),
// read and written without a system call while both sides are awake. Who waits spins for a time
// that adapts, then sleeps on a futex (shm_ring_spin: spins, shm_ring_block: sleeps at once).
// Kernel objects: a sealed memory each way, two sockets for the lifetime token, a thread in each
// process that is in the kernel's books for its death (presence.h). Wait class: adaptive, spin,
// block. Source: SPSCVarQueueOPT of Meng Rao, Aeron's ring buffers. Limit: waiting in poll(2) takes
// slices.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "impl/driver/untimed.h"
#include "impl/os/lifetime_token.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/message_ring.h"

namespace ipc {
namespace {

using namespace ring;

template <WaitClass kWaits>
class ShmRing {
  struct Ways {
    explicit Ways(const PipeOptions& options) {
      to[0].emplace(options.capacity_bytes);
      if (options.duplex) to[1].emplace(options.capacity_bytes);
    }
    explicit Ways(SentSide& sent) {
      to[0].emplace(sent.take());
      if (sent.duplex) to[1].emplace(sent.take());
    }
    std::optional<Way> to[2];  // what each side receives from
  };

 public:
  class End : public Untimed<End> {
   public:
    End(const std::shared_ptr<Ways>& ways, int number, LifetimeToken::Hold hold)
        : ways_(ways), side_{number, std::move(hold), ways->to[0]->state->cpus} {
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

    Status send_batch(std::span<const std::span<const std::byte>> messages, std::size_t& sent,
                      Deadline deadline) {
      return out_->send_batch(messages, sent, deadline);
    }
    Status receive_batch(std::span<Buffer> buffers, std::size_t& received, Deadline deadline) {
      return in_->receive_batch(buffers, received, deadline);
    }
    Status reserve(std::size_t size, std::span<std::byte>& room, Deadline deadline) {
      return out_->reserve(size, room, deadline);
    }
    void commit() { out_->commit(); }
    Status peek(std::span<const std::byte>& message, Deadline deadline) {
      return in_->peek(message, deadline);
    }
    void release() { in_->release(); }

   private:
    const std::shared_ptr<Ways> ways_;
    const Side side_;
    std::optional<Receiver<kWaits>> in_;
    std::optional<Sender<kWaits>> out_;
  };

  explicit ShmRing(const PipeOptions& options) : ways_(std::make_shared<Ways>(options)) {}
  explicit ShmRing(SentSide sent)
      : token_(sent.side, sent.take()), ways_(std::make_shared<Ways>(sent)) {}

  std::unique_ptr<End> open(int side) {
    return std::make_unique<End>(ways_, side, token_.take(side));
  }
  void drop(int side) { token_.drop(side); }
  std::size_t capacity_bytes() const { return ways_->to[0]->capacity; }
  std::vector<UniqueFd> duplicates(int side) const {
    std::vector<UniqueFd> all = descriptors_of(token_.duplicate_of(side));
    for (const std::optional<Way>& way : ways_->to) {
      if (way) all.push_back(duplicate(way->ring.descriptor()));
    }
    return all;
  }

 private:
  LifetimeToken token_;
  const std::shared_ptr<Ways> ways_;  // shared, as an endpoint may outlive the backend
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
