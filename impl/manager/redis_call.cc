// SPDX-License-Identifier: MIT
#include "impl/manager/redis_call.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "impl/codec/encoding.h"
#include "impl/manager/backend.h"
#include "impl/manager/canonical_key.h"

namespace ipc::detail {
namespace {

// Seconds as Redis takes them: 0 is for ever, and it counts in milliseconds.
std::string seconds_until(Deadline deadline) {
  if (deadline.is_never()) return "0";
  const timespec left = deadline.remaining();
  const std::int64_t ms = std::max<std::int64_t>(left.tv_sec * 1000 + left.tv_nsec / 1'000'000, 0);
  std::string part = std::to_string((ms + 1) % 1000);
  part.insert(0, 3 - part.size(), '0');
  return std::to_string((ms + 1) / 1000) + "." + part;
}

std::string text_of(std::span<const std::byte> message) {
  return {reinterpret_cast<const char*>(message.data()), message.size()};
}

}  // namespace

// One that waits takes the item itself where that is all. Otherwise it waits until it has moved the
// item to a list that only this connection has, from which the script that follows takes it.
int RedisCall::append_to(RedisConnection& connection, Deadline deadline) const {
  if (!waits || deadline.passed()) {
    connection.append(command);
    return 1;
  }
  const std::string seconds = seconds_until(deadline);
  if (command[0] == "LPOP") {
    connection.append({"BLPOP", command[1], seconds});
    return 1;
  }
  const std::string& source = command[RedisScript::kFirstKey];
  Words then = command;
  then[RedisScript::kFirstKey] = source + ":t" + std::to_string(connection.client());
  connection.append({"BLMOVE", source, then[RedisScript::kFirstKey], "LEFT", "RIGHT", seconds});
  connection.append(then);
  return 2;
}

Object RedisCall::result_of(const redisReply& reply) const {
  if (reply.type != REDIS_REPLY_ERROR) return result(reply);
  const std::string text(reply.str, reply.len);
  const bool is_of_place = text == "ERR index out of range" || text == "ERR no such key";
  if (is_of_place && !out_of_range.empty()) throw IndexError(out_of_range);
  throw RemoteError("Redis: " + text);
}

void RedisCall::require_short() const {
  std::size_t size = 0;
  for (const std::string& each : command) size += each.size();
  if (size > kLongestMessage) {
    throw ValueError("a request of " + std::to_string(size) + " bytes is too long for a manager");
  }
}

std::string message_of(const Object& value) {
  std::vector<std::byte> message;
  append_stored(value, message);
  return text_of(message);
}

std::string key_of(const Object& key) {
  std::vector<std::byte> message;
  append_key(key, message);
  return text_of(message);
}

bool is_nil(const redisReply& reply) { return reply.type == REDIS_REPLY_NIL; }

Object value_in(const redisReply& reply) {
  return decode(std::as_bytes(std::span(reply.str, reply.len)));
}

Items values_in(const redisReply& reply) {
  Items values;
  values.reserve(reply.elements);
  for (const redisReply* const each : std::span(reply.element, reply.elements)) {
    values.push_back(value_in(*each));
  }
  return values;
}

Object nothing(const redisReply&) { return {}; }
Object integer(const redisReply& reply) { return reply.integer; }
Object is_zero(const redisReply& reply) { return reply.integer == 0; }
Object is_positive(const redisReply& reply) { return reply.integer > 0; }

}  // namespace ipc::detail
