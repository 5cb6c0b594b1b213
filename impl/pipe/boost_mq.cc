// SPDX-License-Identifier: MIT
// boost_mq: a boost::interprocess::message_queue each way (one for a one-way pipe), a lifetime
// token beside them for the end (mq_pipe.h). Kernel objects: shared memory for each, whose names
// are gone at once, a socketpair, a thread in each process. Wait class: block. Source:
// Boost.Interprocess, "Message Queue". Limit: every message takes the room of the longest, which is
// fixed when the pipe is made (4096 bytes if nothing is said); deadlines are kept on the wall
// clock; a process killed inside a call may leave the lock taken.
#include "impl/os/boost_mq.h"

#include "impl/pipe/backend.h"
#include "impl/pipe/mq_pipe.h"

namespace ipc {
namespace {

const RegisterPipe<MqPipe<BoostMq>> registered(
    "boost_mq", {.summary = "boost::interprocess::message_queue each way, a socketpair for the end",
                 .source = "Boost.Interprocess, Message Queue",
                 .wait_class = WaitClass::block,
                 .max_message = BoostMq::kMaxMessage,
                 .unsized_message = BoostMq::kUnknownMessage,
                 .capacity = CapacityUnit::items,
                 .waitable = Waitable::slices,
                 .survives_kill = false,
                 .killed = {AfterKill::end_of_file, AfterKill::end_of_file, AfterKill::end_of_file,
                            AfterKill::hang},
                 .on_kill = "end of file after the messages already sent, unless killed in the "
                            "moment that it holds the lock: then the other side hangs",
                 .leftovers = "its name, if it is killed while it is being made",
                 .needs = "Boost.Interprocess, room in /dev/shm"});

}  // namespace
}  // namespace ipc
