// SPDX-License-Identifier: MIT
// atomic_queue_spsc: an atomic_queue::AtomicQueue2 of slots in shared memory each way, in its mode
// for one sender and one receiver. Kernel objects: an anonymous shared mapping each way, two for
// the presence of the sides, two sockets for the lifetime token. Wait class: spin. Source:
// github.com/max0x7ba/atomic_queue. Limits: slots of 16, 48, 64, 256, 1024 or 4096 bytes, the
// smallest that fits; 64 KiB of them, whatever is asked; a side that is stopped or killed between
// its claim and its copy is waited for, also by calls with a deadline.
#include "impl/os/atomic_slots.h"
#include "impl/pipe/slot_pipe.h"

namespace ipc {
namespace {

template <std::size_t kBytes, std::size_t kItems>
using SpscSlots = AtomicSlots<kBytes, kItems, true>;

Traits traits() {
  Traits traits = slot_pipe_traits("atomic_queue::AtomicQueue2 of slots in shared memory, SPSC",
                                   "atomic_queue of M. Egorushkin", "libatomic-queue");
  traits.survives_kill = false;
  traits.killed.inside = AfterKill::hang;
  traits.on_kill += "; hang if killed between claiming a slot and copying";
  return traits;
}

const RegisterPipe<SlotPipe<SpscSlots>> registered("atomic_queue_spsc", traits());

}  // namespace
}  // namespace ipc
