// SPDX-License-Identifier: MIT
// pipe_feeder: pipe_locked, plus a semaphore of free slots and, in each producing process, a buffer
// and a thread that writes it to the pipe: a put waits for a slot only (feeder.h). The design of
// CPython's Queue, with a kill-safe pipe. Kernel objects: one anonymous pipe, two anonymous shared
// pages, one thread a producer. Wait class: block. Source: CPython 3.11
// Lib/multiprocessing/queues.py. Limit: what is in the buffer of a killed process is lost, its
// slots stay taken, and a message is visible to receivers only some time after its put.
#include "impl/queue/feeder.h"
#include "impl/queue/locked_pipe.h"

namespace ipc {
namespace {

using PipeFeeder = Feeder<LockedPipe>;

const RegisterQueue<PipeFeeder> registered(
    "pipe_feeder",
    {.summary = "pipe_locked behind a buffer and a feeder thread in each producer, slots counted",
     .source = "CPython's Queue",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .capacity = CapacityUnit::items,
     .producers = kMany,
     .consumers = kMany,
     .order = "first in, first out of each producer",
     .killed = {.sending = AfterKill::time_out, .inside = AfterKill::error},
     .on_kill =
         "as pipe_locked; what the killed process had buffered is lost, its slots and that of what "
         "it was just putting or taking stay taken"});

}  // namespace
}  // namespace ipc
