// SPDX-License-Identifier: MIT
// The referents of Lock, RLock, Semaphore, BoundedSemaphore and Condition; what each means:
// proxies.h.
//
// The locks of a client that has gone are released, whatever they guard; where it waited, it has
// never been, and a notification that it got goes to another. Semaphores know no holders.
#pragma once

#include <memory>

#include "impl/manager/referent.h"

namespace ipc::detail {

std::shared_ptr<Referent> make_lock(Arguments& arguments);
std::shared_ptr<Referent> make_rlock(Arguments& arguments);
std::shared_ptr<Referent> make_semaphore(Arguments& arguments);          // none, or a value
std::shared_ptr<Referent> make_bounded_semaphore(Arguments& arguments);  // none, or a value
std::shared_ptr<Referent> make_condition(Arguments& arguments);          // none, or a Lock or RLock

}  // namespace ipc::detail
