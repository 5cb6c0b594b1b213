// SPDX-License-Identifier: MIT
// os_pipe: a pipe(2) each way (one for a one-way pipe), length-prefixed messages, header and
// payload in one writev, small messages read ahead. Kernel objects: one or two anonymous pipes.
// Wait class: block. Source: pipe(7); CPython's Pipe(duplex=False). Limit: an unprivileged user's
// pipes are limited in size and number (/proc/sys/fs/pipe-*).
#include "impl/pipe/kernel_pipes.h"

namespace ipc {
namespace {

const RegisterPipe<KernelPipes<make_pipe>> registered(
    "os_pipe",
    {.summary = "pipe(2) each way, length-prefixed messages",
     .source = "pipe(7); CPython's Pipe(duplex=False)",
     .wait_class = WaitClass::block,
     .max_message = kMaxFrame,
     .killed = {AfterKill::end_of_file, AfterKill::error, AfterKill::end_of_file},
     .on_kill = "end of file after the messages already sent; corrupt if killed inside a message"});

}  // namespace
}  // namespace ipc
