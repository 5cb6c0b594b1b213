// SPDX-License-Identifier: MIT
// A Pool in the server of a manager: its workers are the server's children. What its tasks call has
// a name there, for a function cannot be sent.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "impl/manager/referent.h"

namespace ipc::detail {

// Runs in a worker.
using Tasks = std::map<std::string, std::function<Object(const Object::List&)>, std::less<>>;

// Arguments: none, or how many workers. `tasks` is the same for all pools of a server, and lives as
// long as that.
std::shared_ptr<Referent> make_pool(Arguments& arguments, const Tasks& tasks);

}  // namespace ipc::detail
