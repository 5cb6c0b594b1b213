// SPDX-License-Identifier: MIT
#include "impl/manager/redis_containers.h"

#include <algorithm>
#include <span>
#include <utility>

#include "impl/os/first_use.h"

namespace ipc::detail {
namespace {

using Key = std::string;

// A list is asked for as it is, and looked through here.
RedisCall of_all(const Key& o, std::function<Object(const Items&)> use) {
  return {
      .command = {"LRANGE", o, "0", "-1"},
      .result = [use = std::move(use)](const redisReply& reply) { return use(values_in(reply)); }};
}

std::string place(const Object& index) {
  if (!index.is_integer()) {
    throw TypeError("indices must be integers or slices, not " + std::string(index.type_name()));
  }
  return std::to_string(index.as_integer());
}

RedisCall list_append(const Key& o, Arguments& given) {
  return {.command = {"RPUSH", o, message_of(given[0])}, .result = nothing};
}

RedisCall list_extend(const Key& o, Arguments& given) {
  const Items items = items_of(given.take(0));
  if (items.empty()) return {.command = {"LLEN", o}, .result = nothing};
  RedisCall call{.command = {"RPUSH", o}, .result = nothing};
  for (const Object& each : items) call.command.push_back(message_of(each));
  return call;
}

RedisCall list_length(const Key& o, Arguments&) {
  return {.command = {"LLEN", o}, .result = integer};
}

RedisCall list_get(const Key& o, Arguments& given) {
  return {.command = {"LINDEX", o, place(given[0])}, .result = [](const redisReply& reply) {
            if (is_nil(reply)) throw IndexError("list index out of range");
            return value_in(reply);
          }};
}

RedisCall list_set(const Key& o, Arguments& given) {
  return {.command = {"LSET", o, place(given[0]), message_of(given[1])},
          .result = nothing,
          .out_of_range = "list assignment index out of range"};
}

RedisCall list_pop(const Key& o, Arguments& given) {
  const std::string at = given.size() == 0 ? "-1" : place(given[0]);
  const auto result = [](const redisReply& reply) {
    if (reply.type == REDIS_REPLY_STRING) return value_in(reply);
    throw IndexError(reply.integer == 0 ? "pop from empty list" : "pop index out of range");
  };
  if (at == "-1") return {.command = {"RPOP", o}, .result = result};
  if (at == "0") return {.command = {"LPOP", o}, .result = result};
  return {.command = RedisScripts::all().list_pop.command({o}, {at}), .result = result};
}

RedisCall list_get_slice(const Key& o, Arguments& given) {
  return of_all(o, [given](const Items& items) {
    return Object::list(slice(items, Slice(given[0], given[1], given[2], items.size())));
  });
}

std::string bound(const Object& given) {
  return given.is_none() ? "" : std::to_string(given.as_integer());
}

RedisCall list_delete_slice(const Key& o, Arguments& given) {
  const Slice checked(given[0], given[1], given[2], 0);
  return {.command = RedisScripts::all().list_delete_slice.command(
              {o}, {bound(given[0]), bound(given[1]),
                    given[2].is_none() ? "1" : std::to_string(given[2].as_integer())}),
          .result = nothing};
}

RedisCall list_contains(const Key& o, Arguments& given) {
  return of_all(o, [value = given.take(0)](const Items& items) {
    return Object(std::ranges::find(items, value) != items.end());
  });
}

RedisCall list_count(const Key& o, Arguments& given) {
  return of_all(o, [value = given.take(0)](const Items& items) {
    return Object(std::ranges::count(items, value));
  });
}

RedisCall list_index(const Key& o, Arguments& given) {
  return of_all(o, [given](const Items& items) {
    return Object(place_of_first(given[0], items, given.size() > 1 ? given[1] : Object(),
                                 given.size() > 2 ? given[2] : Object()));
  });
}

RedisCall list_str(const Key& o, Arguments&) {
  return of_all(o, [](const Items& items) { return Object(str(Object::list(items))); });
}

// A dict's keys and values in turn, in the order of insertion.
RedisCall of_entries(const Key& o, std::function<Object(const Items&)> use) {
  return {
      .command = RedisScripts::all().dict_entries.command({o, o + ":k"}),
      .result = [use = std::move(use)](const redisReply& reply) { return use(values_in(reply)); }};
}

Object dict_of(const Items& entries) {
  Object::Dict all;
  all.reserve(entries.size() / 2);
  for (std::size_t i = 0; i < entries.size(); i += 2) all.set(entries[i], entries[i + 1]);
  return Object::dict(std::move(all));
}

RedisCall dict_clear(const Key& o, Arguments&) {
  return {.command = {"DEL", o, o + ":k"}, .result = nothing};
}

RedisCall dict_contains(const Key& o, Arguments& given) {
  return {.command = {"HEXISTS", o, key_of(given[0])}, .result = is_positive};
}

RedisCall dict_copy(const Key& o, Arguments&) { return of_entries(o, dict_of); }

RedisCall dict_delete(const Key& o, Arguments& given) {
  return {.command = RedisScripts::all().dict_delete.command({o, o + ":k"}, {key_of(given[0])}),
          .result = [key = given.take(0)](const redisReply& reply) -> Object {
            if (reply.integer == 0) throw KeyError(repr(key));
            return {};
          }};
}

RedisCall dict_get(const Key& o, Arguments& given) {
  return {.command = {"HGET", o, key_of(given[0])},
          .result = [key = given.take(0)](const redisReply& reply) {
            if (is_nil(reply)) throw KeyError(repr(key));
            return value_in(reply);
          }};
}

RedisCall dict_get_or(const Key& o, Arguments& given) {
  return {.command = {"HGET", o, key_of(given[0])},
          .result = [otherwise = given.take_or_none(1)](const redisReply& reply) {
            return is_nil(reply) ? otherwise : value_in(reply);
          }};
}

RedisCall dict_items(const Key& o, Arguments&) {
  return of_entries(o, [](const Items& entries) {
    Items all;
    for (std::size_t i = 0; i < entries.size(); i += 2) {
      all.push_back(Object::tuple({entries[i], entries[i + 1]}));
    }
    return Object::list(std::move(all));
  });
}

RedisCall dict_keys(const Key& o, Arguments&) {
  return {.command = {"ZRANGE", o + ":k", "0", "-1"},
          .result = [](const redisReply& reply) { return Object::list(values_in(reply)); }};
}

RedisCall dict_length(const Key& o, Arguments&) {
  return {.command = {"HLEN", o}, .result = integer};
}

RedisCall dict_pop(const Key& o, Arguments& given) {
  return {.command = RedisScripts::all().dict_pop.command({o, o + ":k"}, {key_of(given[0])}),
          .result = [given](const redisReply& reply) {
            if (!is_nil(reply)) return value_in(reply);
            if (given.size() == 1) throw KeyError(repr(given[0]));
            return given[1];
          }};
}

RedisCall dict_popitem(const Key& o, Arguments&) {
  return {.command = RedisScripts::all().dict_popitem.command({o, o + ":k"}),
          .result = [](const redisReply& reply) {
            if (is_nil(reply)) throw KeyError("'popitem(): dictionary is empty'");
            return Object::tuple(values_in(reply));
          }};
}

RedisCall dict_set(const Key& o, Arguments& given) {
  return {.command = RedisScripts::all().dict_update.command(
              {o, o + ":k"}, {key_of(given[0]), message_of(given[1])}),
          .result = nothing};
}

RedisCall dict_setdefault(const Key& o, Arguments& given) {
  Object value = given.take_or_none(1);
  Words command = RedisScripts::all().dict_setdefault.command(
      {o, o + ":k"}, {key_of(given[0]), message_of(value)});
  return {.command = std::move(command),
          .result = [value = std::move(value)](const redisReply& reply) {
            return is_nil(reply) ? value : value_in(reply);
          }};
}

RedisCall dict_str(const Key& o, Arguments&) {
  return of_entries(o, [](const Items& entries) { return Object(str(dict_of(entries))); });
}

RedisCall dict_update(const Key& o, Arguments& given) {
  Words command = RedisScripts::all().dict_update.command({o, o + ":k"});
  append_entries(given[0].as_dict(), command);
  return {.command = std::move(command), .result = nothing};
}

RedisCall dict_values(const Key& o, Arguments&) {
  return of_entries(o, [](const Items& entries) {
    Items all;
    for (std::size_t i = 1; i < entries.size(); i += 2) all.push_back(entries[i]);
    return Object::list(std::move(all));
  });
}

}  // namespace

void append_entries(const Object::Dict& entries, Words& words) {
  for (const auto& [key, value] : entries) {
    words.push_back(key_of(key));
    words.push_back(message_of(value));
  }
}

const RedisOperations& redis_list() {
  static constinit FirstUse<const RedisOperations> all;
  return all.get([] {
    return RedisOperations{{"append", {1, 1, list_append}},
                           {"contains", {1, 1, list_contains}},
                           {"count", {1, 1, list_count}},
                           {"delete_slice", {3, 3, list_delete_slice}},
                           {"extend", {1, 1, list_extend}},
                           {"get", {1, 1, list_get}},
                           {"get_slice", {3, 3, list_get_slice}},
                           {"index", {1, 3, list_index}},
                           {"length", {0, 0, list_length}},
                           {"pop", {0, 1, list_pop}},
                           {"set", {2, 2, list_set}},
                           {"str", {0, 0, list_str}}};
  });
}

const RedisOperations& redis_dict() {
  static constinit FirstUse<const RedisOperations> all;
  return all.get([] {
    return RedisOperations{{"clear", {0, 0, dict_clear}},
                           {"contains", {1, 1, dict_contains}},
                           {"copy", {0, 0, dict_copy}},
                           {"delete", {1, 1, dict_delete}},
                           {"get", {1, 1, dict_get}},
                           {"get_or", {1, 2, dict_get_or}},
                           {"items", {0, 0, dict_items}},
                           {"keys", {0, 0, dict_keys}},
                           {"length", {0, 0, dict_length}},
                           {"pop", {1, 2, dict_pop}},
                           {"popitem", {0, 0, dict_popitem}},
                           {"set", {2, 2, dict_set}},
                           {"setdefault", {1, 2, dict_setdefault}},
                           {"str", {0, 0, dict_str}},
                           {"update", {1, 1, dict_update}},
                           {"values", {0, 0, dict_values}}};
  });
}

}  // namespace ipc::detail
