// SPDX-License-Identifier: MIT
// list and dict in Redis. An object N is under these keys:
//   list   o:N    list of its values
//   dict   o:N    hash, key -> value
//          o:N:k  sorted set of its keys, by the number that each got when it came
#pragma once

#include "impl/manager/redis_call.h"

namespace ipc::detail {

const RedisOperations& redis_list();
const RedisOperations& redis_dict();
void append_entries(const Object::Dict& entries, Words& words);  // key, value, key, value

}  // namespace ipc::detail
