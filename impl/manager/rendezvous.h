// SPDX-License-Identifier: MIT
// The referents at which clients wait for each other: Event, Barrier, Queue and JoinableQueue; what
// each means: proxies.h.
//
// Where a client has gone that waited, it has never been; the barrier breaks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "impl/manager/referent.h"

namespace ipc::detail {

// What a Barrier can be told to do, by name.
using Actions = std::map<std::string, std::function<void()>, std::less<>>;

std::shared_ptr<Referent> make_event(Arguments& arguments);
// The parties; an action or None; seconds or None.
std::shared_ptr<Referent> make_barrier(Arguments& arguments, const Actions& actions);
std::shared_ptr<Referent> make_queue(Arguments& arguments);  // none, or the most items

}  // namespace ipc::detail
