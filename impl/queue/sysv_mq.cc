// SPDX-License-Identifier: MIT
// sysv_mq: a System V message queue; a send or a receive without a deadline is one system call.
// Calls with a deadline look again after naps of up to 1 ms, as there are none in the mechanism.
// Kernel objects: one message queue, and a segment that counts its users. Wait class: block.
// Source: sysvipc(7), msgop(2). Limit: kernel.msgmax and kernel.msgmnb, 8192 and 16384 bytes unless
// set otherwise.
#include "impl/os/sysv_mq.h"

#include "impl/queue/backend.h"
#include "impl/queue/mq_queue.h"

namespace ipc {
namespace {

const RegisterQueue<MqQueue<SysvMq>> registered(
    "sysv_mq", {.summary = "System V message queue",
                .source = "sysvipc(7), msgop(2)",
                .wait_class = WaitClass::block,
                .max_message = SysvMq::max_message(),
                .producers = kMany,
                .consumers = kMany,
                .order = "first in, first out over all producers",
                .waitable = Waitable::slices,
                .on_kill = "nothing: a message is sent or received whole, or not at all",
                .leftovers = SysvMq::kLeftovers,
                .available = SysvMq::why_unavailable});

}  // namespace
}  // namespace ipc
