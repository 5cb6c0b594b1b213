// SPDX-License-Identifier: MIT
// boost_spsc: a boost::lockfree::spsc_queue of slots in shared memory each way. Kernel objects: an
// anonymous shared mapping each way, two for the presence of the sides, two sockets for the
// lifetime token. Wait class: spin. Source: Boost.Lockfree, spsc_queue. Limits: slots of 16, 48,
// 64, 256, 1024 or 4096 bytes, the smallest that fits; 64 KiB of them, whatever is asked.
#include <boost/lockfree/spsc_queue.hpp>

#include "impl/pipe/slot_pipe.h"

namespace ipc {
namespace {

template <std::size_t kBytes, std::size_t kItems>
class BoostSpsc {
 public:
  bool push(std::span<const std::byte> message) {
    return queue_.push(&message, &message + 1) != &message;
  }
  bool pop(Buffer& message) {
    return queue_.consume_one(
               [&](const Slot<kBytes>& slot) { copy_out(slot.message(), message); }) != 0;
  }
  bool is_empty() { return queue_.read_available() == 0; }

 private:
  boost::lockfree::spsc_queue<Slot<kBytes>, boost::lockfree::capacity<kItems>> queue_;
};

const RegisterPipe<SlotPipe<BoostSpsc>> registered(
    "boost_spsc", slot_pipe_traits("boost::lockfree::spsc_queue of slots in shared memory",
                                   "Boost.Lockfree, spsc_queue", "Boost.Lockfree"));

}  // namespace
}  // namespace ipc
