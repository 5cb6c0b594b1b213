// SPDX-License-Identifier: MIT
// sysv_mq: a System V message queue each way (one for a one-way pipe), a lifetime token beside them
// for the end (mq_pipe.h). Calls with a deadline look again after naps of up to 1 ms, as there are
// none in the mechanism. Kernel objects: one or two message queues, each with a segment that counts
// its users, a socketpair, a thread in each process. Wait class: block. Source: sysvipc(7),
// msgop(2). Limit: kernel.msgmax and kernel.msgmnb, 8192 and 16384 bytes unless set otherwise.
#include "impl/os/sysv_mq.h"

#include "impl/pipe/backend.h"
#include "impl/pipe/mq_pipe.h"

namespace ipc {
namespace {

const RegisterPipe<MqPipe<SysvMq>> registered(
    "sysv_mq", {.summary = "System V message queue each way, a socketpair for the end",
                .source = "sysvipc(7), msgop(2)",
                .wait_class = WaitClass::block,
                .max_message = SysvMq::max_message(),
                .waitable = Waitable::slices,
                .killed = {AfterKill::end_of_file, AfterKill::end_of_file, AfterKill::end_of_file},
                .on_kill = "end of file after the messages already sent",
                .leftovers = SysvMq::kLeftovers,
                .available = SysvMq::why_unavailable});

}  // namespace
}  // namespace ipc
