// SPDX-License-Identifier: MIT
// pthread_robust: pthread's robust mutex between processes: the kernel passes it on when its holder
// dies. Wait class: block. Source: pthread_mutexattr_setrobust(3). Limit: it is the holding thread
// that must release it; what a killed holder had half written stays half written.
#include "impl/shared/mutex_lock.h"

namespace ipc {
namespace {

const RegisterLock<MutexLock<RobustMutex>> registered(
    "pthread_robust",
    {.summary = "a robust process-shared pthread mutex",
     .source = "pthread_mutexattr_setrobust(3)",
     .max_message = kAnySize,
     .on_kill = "killed while it holds it: the next one gets it, the value as it was left"});

}  // namespace
}  // namespace ipc
