// SPDX-License-Identifier: MIT
// posix_mq: a POSIX message queue each way (one for a one-way pipe), a lifetime token beside them
// for the end (mq_pipe.h). Kernel objects: one or two message queues, whose names are gone at once,
// a socketpair, a thread in each process. Wait class: block. Source: mq_overview(7). Limit: 10
// messages of 8192 bytes a queue, and 819200 bytes for all queues of a user, unless the system is
// set otherwise (/proc/sys/fs/mqueue, RLIMIT_MSGQUEUE); so its capacity is small for small
// messages.
#include "impl/os/posix_mq.h"

#include "impl/pipe/backend.h"
#include "impl/pipe/mq_pipe.h"

namespace ipc {
namespace {

const RegisterPipe<MqPipe<PosixMq>> registered(
    "posix_mq", {.summary = "POSIX message queue each way, a socketpair for the end",
                 .source = "mq_overview(7)",
                 .wait_class = WaitClass::block,
                 .max_message = PosixMq::max_message(),
                 .unsized_message = PosixMq::unsized_message(),
                 .capacity = CapacityUnit::items,
                 .killed = {AfterKill::end_of_file, AfterKill::end_of_file, AfterKill::end_of_file},
                 .on_kill = "end of file after the messages already sent",
                 .leftovers = "its name, if it is killed while it is being made",
                 .available = PosixMq::why_unavailable});

}  // namespace
}  // namespace ipc
