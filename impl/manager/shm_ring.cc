// SPDX-License-Identifier: MIT
// shm_ring: two rings of messages in shared memory for each call at a time, one with the requests,
// one with the replies, and a server thread; no system call while both sides are awake. Who waits
// spins for a time that adapts, then sleeps on a futex (shm_ring_spin: spins, also the server's
// threads while nobody calls). Client and server meet at a socket as unix_socket's, which then
// tells that one of them has gone. Kernel objects: a socket file, for each connection a socket and
// two sealed memories, 136 KiB. Wait class: adaptive, spin. Source: the pipe shm_ring. Limit: each
// side has three descriptors for a connection.
#include "impl/manager/ring_link.h"
#include "impl/manager/stream_link.h"
#include "impl/manager/unix_listener.h"

namespace ipc {
namespace {

template <WaitClass kWaits>
using ShmRing = UnixChannel<RingLink<kWaits>>;

Traits traits(WaitClass wait_class) {
  std::string summary =
      "rings of messages in shared memory, two and a server thread for each call at a time";
  if (wait_class == WaitClass::spin) summary += "; each thread keeps a CPU busy, idle or not";
  Traits traits = stream_link_traits(std::move(summary),
                                     "SPSCVarQueueOPT, Aeron's ring buffers, futex(2), unix(7)");
  traits.wait_class = wait_class;
  traits.leftovers = "a socket in a directory of its own, until the next manager starts";
  return traits;
}

const RegisterManager<ShmRing<WaitClass::adaptive>> registered("shm_ring",
                                                               traits(WaitClass::adaptive));
const RegisterManager<ShmRing<WaitClass::spin>> registered_spin("shm_ring_spin",
                                                                traits(WaitClass::spin));

}  // namespace
}  // namespace ipc
