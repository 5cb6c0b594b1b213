// SPDX-License-Identifier: MIT
// A call of a manager's object as a command of Redis, and what its reply means. Values are msgpack
// messages there, keys of a dict in the one form that all equal ones share.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "impl/codec/object.h"
#include "impl/manager/redis_connection.h"
#include "impl/manager/referent.h"
#include "impl/manager/sequence.h"
#include "impl/os/deadline.h"

namespace ipc::detail {

struct RedisCall {
  Words command;                                    // does what can be done at once
  std::function<Object(const redisReply&)> result;  // throws what the operation throws
  // It gives nil when the list that is its first key is empty, and may wait for an item there.
  bool waits = false;
  std::string out_of_range = {};  // of the IndexError where Redis finds no such place

  // Where it is to wait it does so until the deadline at most. Gives the number of its replies; the
  // last one is the result's.
  int append_to(RedisConnection& connection, Deadline deadline) const;
  Object result_of(const redisReply& reply) const;
  void require_short() const;  // throws ValueError when it is longer than any request
};

// The operations of a type by name, for the key of an object.
struct RedisOperation {
  std::size_t least;  // of its arguments
  std::size_t most;
  RedisCall (*make)(const std::string& object, Arguments& given);
};
using RedisOperations = std::map<std::string_view, RedisOperation>;

std::string message_of(const Object& value);  // throws ValueError
std::string key_of(const Object& key);        // throws TypeError when it is not hashable

// What a reply holds.
bool is_nil(const redisReply& reply);
Object value_in(const redisReply& reply);
Items values_in(const redisReply& reply);
Object nothing(const redisReply& reply);
Object integer(const redisReply& reply);
Object is_zero(const redisReply& reply);
Object is_positive(const redisReply& reply);

}  // namespace ipc::detail
