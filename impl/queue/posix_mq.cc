// SPDX-License-Identifier: MIT
// posix_mq: a POSIX message queue; a send or a receive without a deadline is one system call.
// Kernel objects: one message queue, whose name is gone at once. Wait class: block. Source:
// mq_overview(7). Limit: 10 messages of 8192 bytes a queue, and 819200 bytes for all queues of a
// user, unless the system is set otherwise (/proc/sys/fs/mqueue, RLIMIT_MSGQUEUE); so its capacity
// is small for small messages.
#include "impl/os/posix_mq.h"

#include "impl/queue/backend.h"
#include "impl/queue/mq_queue.h"

namespace ipc {
namespace {

const RegisterQueue<MqQueue<PosixMq>> registered(
    "posix_mq", {.summary = "POSIX message queue",
                 .source = "mq_overview(7)",
                 .wait_class = WaitClass::block,
                 .max_message = PosixMq::max_message(),
                 .unsized_message = PosixMq::unsized_message(),
                 .capacity = CapacityUnit::items,
                 .producers = kMany,
                 .consumers = kMany,
                 .order = "first in, first out over all producers",
                 .on_kill = "nothing: a message is sent or received whole, or not at all",
                 .leftovers = "its name, if it is killed while it is being made",
                 .available = PosixMq::why_unavailable});

}  // namespace
}  // namespace ipc
