// SPDX-License-Identifier: MIT
// pthread_mutex: pthread's mutex between processes. Wait class: block. Source:
// pthread_mutexattr_setpshared(3). Limit: it is the holding thread that must release it; a killed
// holder keeps it for ever.
#include "impl/shared/mutex_lock.h"

namespace ipc {
namespace {

const RegisterLock<MutexLock<StalledMutex>> registered(
    "pthread_mutex",
    {.summary = "a process-shared pthread mutex",
     .source = "pthread_mutexattr_setpshared(3)",
     .max_message = kAnySize,
     .survives_kill = false,
     .killed = {.sending = AfterKill::time_out},
     .on_kill = "killed while it holds it: the others wait for ever, or time out"});

}  // namespace
}  // namespace ipc
