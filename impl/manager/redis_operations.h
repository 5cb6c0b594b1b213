// SPDX-License-Identifier: MIT
// The objects of a manager in Redis: how they are numbered, made and called. Those that are not in
// redis_containers.h are under these keys, where N is the count of the object:
//   Value  o:N   string, its value; o:N:c its code
//   Lock   o:N   list of one item, while it is free
//   Queue  o:N   list of its items; where it has a size, o:N:s a list of an item for each free slot
// and at K:tC is what connection C has taken from list K and is about to use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "impl/manager/redis_call.h"

namespace ipc::detail {

// Throws RemoteError when that server has no such object or it no such operation, TypeError,
// ValueError.
RedisCall redis_call(std::uint64_t server, std::uint64_t object, std::string_view operation,
                     Object::List arguments);
// Gives the number of the object. Throws as a server of ours does.
RedisCall redis_creation(std::uint64_t server, std::string_view type, Object::List arguments);

// A server's number, which is a part of its objects': no other one's has them.
std::uint64_t new_redis_number();

std::vector<std::string> redis_operations();  // of all types, as "dict.set"

}  // namespace ipc::detail
