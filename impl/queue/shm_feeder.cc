// SPDX-License-Identifier: MIT
// shm_feeder: the ring of shm_robust, plus a semaphore of free slots and, in each producing
// process, a buffer and a thread for what the ring has no room for: a put waits for a slot only
// (feeder.h), and sends by itself while there is room. Kernel objects: a sealed memory, two
// anonymous mappings, a thread for a producer that has met a full ring. Wait class: block. Source:
// as shm_robust and pipe_feeder. Limit: what is in the buffer of a killed process is lost, and its
// slots stay taken.
#include "impl/queue/feeder.h"
#include "impl/queue/robust_ring.h"

namespace ipc {
namespace {

const RegisterQueue<Feeder<RobustRing>> registered(
    "shm_feeder",
    {.summary = "shm_robust, behind it a buffer and a thread in each producer that finds it full, "
                "slots counted",
     .source = "CPython's Queue; pthread_mutexattr_setrobust(3), futex(2)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .capacity = CapacityUnit::items,
     .producers = kMany,
     .consumers = kMany,
     .order = "first in, first out of each producer",
     .waitable = Waitable::slices,
     .killed = {.sending = AfterKill::time_out},
     .on_kill =
         "as shm_robust; what the killed process had buffered is lost, its slots and that of what "
         "it was just putting or taking stay taken"});

}  // namespace
}  // namespace ipc
