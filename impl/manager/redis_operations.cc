// SPDX-License-Identifier: MIT
#include "impl/manager/redis_operations.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "impl/manager/authentication.h"
#include "impl/manager/backend.h"
#include "impl/manager/redis_containers.h"
#include "impl/os/first_use.h"
#include "impl/queue/queue_core.h"

namespace ipc::detail {
namespace {

using Key = std::string;

constexpr std::int64_t kLargestQueue = 1 << 20;  // each free slot takes some bytes

RedisCall value_get(const Key& o, Arguments&) {
  return {.command = {"GET", o}, .result = value_in};
}

RedisCall value_set(const Key& o, Arguments& given) {
  return {.command = {"SET", o, message_of(given[0])}, .result = nothing};
}

RedisCall value_str(const Key& o, Arguments&) {
  return {.command = {"MGET", o + ":c", o}, .result = [](const redisReply& reply) {
            const Items parts = values_in(reply);
            return Object("Value(" + repr(parts.at(0)) + ", " + repr(parts.at(1)) + ")");
          }};
}

RedisCall lock_acquire(const Key& o, Arguments&) {
  return {.command = {"LPOP", o},
          .result = [](const redisReply& reply) { return Object(!is_nil(reply)); },
          .waits = true};
}

RedisCall lock_release(const Key& o, Arguments&) {
  return {.command = RedisScripts::all().release.command({o}),
          .result = [](const redisReply& reply) -> Object {
            if (reply.integer == 0) throw RuntimeError("release unlocked lock");
            return {};
          }};
}

// BLPOP gives the list's key and the item, LPOP the item.
Object item_or_empty(const redisReply& reply) {
  if (is_nil(reply)) throw Empty();
  return value_in(reply.type == REDIS_REPLY_ARRAY ? *reply.element[1] : reply);
}

RedisCall queue_empty(const Key& o, Arguments&) {
  return {.command = {"LLEN", o}, .result = is_zero};
}

RedisCall queue_full(const Key& o, Arguments&) {
  return {.command = {"LLEN", o}, .result = [](const redisReply&) { return Object(false); }};
}

RedisCall queue_get(const Key& o, Arguments&) {
  return {.command = {"LPOP", o}, .result = item_or_empty, .waits = true};
}

RedisCall queue_put(const Key& o, Arguments& given) {
  return {.command = {"RPUSH", o, message_of(given[0])}, .result = nothing};
}

RedisCall queue_qsize(const Key& o, Arguments&) {
  return {.command = {"LLEN", o}, .result = integer};
}

RedisCall sized_full(const Key& o, Arguments&) {
  return {.command = {"LLEN", o + ":s"}, .result = is_zero};
}

RedisCall sized_get(const Key& o, Arguments&) {
  return {.command = RedisScripts::all().get.command({o, o + ":s"}),
          .result = item_or_empty,
          .waits = true};
}

RedisCall sized_put(const Key& o, Arguments& given) {
  return {.command = RedisScripts::all().put.command({o + ":s", o}, {message_of(given[0])}),
          .result = [](const redisReply& reply) -> Object {
            if (is_nil(reply)) throw Full();
            return {};
          },
          .waits = true};
}

const RedisOperations& of_value() {
  static constinit FirstUse<const RedisOperations> all;
  return all.get([] {
    return RedisOperations{
        {"get", {0, 0, value_get}}, {"set", {1, 1, value_set}}, {"str", {0, 0, value_str}}};
  });
}

const RedisOperations& of_lock() {
  static constinit FirstUse<const RedisOperations> all;
  return all.get([] {
    return RedisOperations{{"acquire", {0, 0, lock_acquire}}, {"release", {0, 0, lock_release}}};
  });
}

const RedisOperations& of_queue() {
  static constinit FirstUse<const RedisOperations> all;
  return all.get([] {
    return RedisOperations{{"empty", {0, 0, queue_empty}},
                           {"full", {0, 0, queue_full}},
                           {"get", {0, 0, queue_get}},
                           {"put", {1, 1, queue_put}},
                           {"qsize", {0, 0, queue_qsize}}};
  });
}

const RedisOperations& of_sized_queue() {
  static constinit FirstUse<const RedisOperations> all;
  return all.get([] {
    return RedisOperations{{"empty", {0, 0, queue_empty}},
                           {"full", {0, 0, sized_full}},
                           {"get", {0, 0, sized_get}},
                           {"put", {1, 1, sized_put}},
                           {"qsize", {0, 0, queue_qsize}}};
  });
}

// A part of an object's number.
enum Kind : std::size_t { kList, kDict, kValue, kLock, kQueue, kSizedQueue, kKinds };

constexpr std::array<const RedisOperations& (*)(), kKinds> kOperations{
    redis_list, redis_dict, of_value, of_lock, of_queue, of_sized_queue};

// From the lowest bit on: kind, count, server.
constexpr int kKindBits = 3;
constexpr int kCountBits = 32;
constexpr int kServerBits = 64 - kKindBits - kCountBits;

struct Making {
  Kind kind;
  Words words;  // what the script wants
};

Making make_queue(const Arguments& given) {
  const std::int64_t size = given.size() == 0 ? 0 : given[0].as_integer();
  if (size <= 0) return {kQueue, {"", ""}};
  if (size > kLargestQueue) {
    throw ValueError("in Redis a queue is of at most " + std::to_string(kLargestQueue) + " items");
  }
  Making made{kSizedQueue, {"", ":s"}};
  made.words.resize(made.words.size() + static_cast<std::size_t>(size), "1");
  return made;
}

Making make_list(Arguments& given) {
  Making made{kList, {"", ""}};
  if (given.size() == 0) return made;
  for (const Object& each : items_of(given.take(0))) made.words.push_back(message_of(each));
  return made;
}

Making make_dict(const Arguments& given) {
  Making made{kDict, {"dict"}};
  if (given.size() != 0) append_entries(given[0].as_dict(), made.words);
  return made;
}

Making make_value(const Arguments& given) {
  if (given.size() != 2) throw TypeError("Value takes a type code and a value");
  return {kValue, {"Value", message_of(given[1]), message_of(given[0])}};
}

Making make(std::string_view type, Arguments& given) {
  if (type == "list") return make_list(given);
  if (type == "dict") return make_dict(given);
  if (type == "Value") return make_value(given);
  if (type == "Lock") return {kLock, {"", "", "1"}};
  if (type == "Queue") return make_queue(given);
  throw RemoteError("no type '" + std::string(type) + "' is registered");
}

}  // namespace

RedisCall redis_call(std::uint64_t server, std::uint64_t object, std::string_view operation,
                     Object::List arguments) {
  const std::uint64_t kind = object % (1 << kKindBits);
  if (object >> (kKindBits + kCountBits) != server || kind >= kKinds) {
    throw RemoteError("this client holds no such object: unknown id");
  }
  const RedisOperations& operations = kOperations[kind]();
  const auto found = operations.find(operation);
  if (found == operations.end()) throw RemoteError("no operation '" + std::string(operation) + "'");
  const RedisOperation& called = found->second;
  Arguments given(std::move(arguments));
  given.require_count(called.least, called.most, operation);
  const std::uint64_t count = (object >> kKindBits) % (std::uint64_t{1} << kCountBits);
  RedisCall call = called.make("o:" + std::to_string(count), given);
  call.require_short();
  return call;
}

RedisCall redis_creation(std::uint64_t server, std::string_view type, Object::List arguments) {
  Arguments given(std::move(arguments));
  Making made;
  try {
    made = make(type, given);
  } catch (const RemoteError&) {
    throw;
  } catch (const std::exception& error) {
    const NamedError what = named(error);
    throw RemoteError(what.name + ": " + what.text);
  }
  RedisCall call{.command = RedisScripts::all().create.command({}), .result = {}};
  std::ranges::move(made.words, std::back_inserter(call.command));
  call.require_short();
  call.result = [server, kind = made.kind](const redisReply& reply) {
    const auto count = static_cast<std::uint64_t>(reply.integer);
    return Object((server << kCountBits | count) << kKindBits | kind);
  };
  return call;
}

std::uint64_t new_redis_number() {
  std::uint64_t number = 0;
  while (number == 0) {
    fill_randomly(std::as_writable_bytes(std::span(&number, 1)));
    number >>= 64 - kServerBits;
  }
  return number;
}

std::vector<std::string> redis_operations() {
  constexpr std::array<std::string_view, kSizedQueue> kTypes{"list", "dict", "Value", "Lock",
                                                             "Queue"};
  std::vector<std::string> all;
  for (std::size_t kind = 0; kind < kTypes.size(); ++kind) {
    for (const auto& [name, operation] : kOperations[kind]()) {
      all.push_back(std::string(kTypes[kind]) + "." + std::string(name));
    }
  }
  return all;
}

}  // namespace ipc::detail
