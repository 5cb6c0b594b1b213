// SPDX-License-Identifier: MIT
// The referents of Lock, RLock, Semaphore, BoundedSemaphore, Condition, Event, Barrier and Queue.
//
// The locks of a client that has gone are released, whatever they guard; its waiting calls have
// never been. Semaphores know no holders. A condition's notification that it got goes to another,
// a barrier at which it waited breaks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "impl/manager/referent.h"

namespace ipc::detail {

// What a Barrier can be told to do, by name.
using Actions = std::map<std::string, std::function<void()>, std::less<>>;

std::shared_ptr<Referent> make_lock(Arguments& arguments);
std::shared_ptr<Referent> make_rlock(Arguments& arguments);
std::shared_ptr<Referent> make_semaphore(Arguments& arguments);          // none, or a value
std::shared_ptr<Referent> make_bounded_semaphore(Arguments& arguments);  // none, or a value
std::shared_ptr<Referent> make_condition(Arguments& arguments);  // none, or a Lock or RLock
std::shared_ptr<Referent> make_event(Arguments& arguments);
// The parties; an action or None; seconds or None.
std::shared_ptr<Referent> make_barrier(Arguments& arguments, const Actions& actions);
std::shared_ptr<Referent> make_queue(Arguments& arguments);  // none, or the most items

}  // namespace ipc::detail
