// SPDX-License-Identifier: MIT
// boost_mq: a boost::interprocess::message_queue, as it is. Kernel objects: shared memory, whose
// name is gone at once. Wait class: block. Source: Boost.Interprocess, "Message Queue". Limit:
// every message takes the room of the longest, which is fixed when the queue is made (4096 bytes if
// nothing is said); deadlines are kept on the wall clock; whoever is killed inside a call may leave
// the lock taken or the condition variable unusable.
#include "impl/os/boost_mq.h"

#include "impl/queue/backend.h"
#include "impl/queue/mq_queue.h"

namespace ipc {
namespace {

const RegisterQueue<MqQueue<BoostMq>> registered(
    "boost_mq", {.summary = "boost::interprocess::message_queue",
                 .source = "Boost.Interprocess, Message Queue",
                 .wait_class = WaitClass::block,
                 .max_message = BoostMq::kMaxMessage,
                 .unsized_message = BoostMq::kUnknownMessage,
                 .capacity = CapacityUnit::items,
                 .producers = kMany,
                 .consumers = kMany,
                 .order = "first in, first out over all producers",
                 .waitable = Waitable::slices,
                 .survives_kill = false,
                 .killed = {.sending = AfterKill::hang,
                            .receiving = AfterKill::hang,
                            .inside = AfterKill::hang},
                 .on_kill = "nothing between calls; killed while it waits: others hang once "
                            "more of them wait; killed while it holds the lock: all hang",
                 .leftovers = "its name, if it is killed while it is being made",
                 .needs = "Boost.Interprocess, room in /dev/shm"});

}  // namespace
}  // namespace ipc
