// SPDX-License-Identifier: MIT
#include "impl/manager/redis_scripts.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "impl/manager/authentication.h"
#include "impl/os/error.h"
#include "impl/os/first_use.h"

namespace ipc::detail {
namespace {

std::string sha1_of(const std::string& text) {
  std::array<std::byte, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                 EVP_sha1(), nullptr) != 1) {
    throw Error("libcrypto has no SHA-1");
  }
  return hexadecimal(std::span(digest).first(size));
}

// The arguments from that number on are key, value, key, value.
constexpr const char* kFill = R"(
local function fill(values, order, first)
  for i = first, #ARGV, 2 do
    if redis.call('HSET', values, ARGV[i], ARGV[i + 1]) == 1 then
      redis.call('ZADD', order, redis.call('INCR', 'order'), ARGV[i])
    end
  end
end
)";

// A thousand items at once: Lua's stack is not endless.
constexpr const char* kCreate = R"(
local number = redis.call('INCR', 'count')
local key = 'o:' .. string.format('%d', number)
if ARGV[1] == 'dict' then
  fill(key, key .. ':k', 2)
elseif ARGV[1] == 'Value' then
  redis.call('MSET', key, ARGV[2], key .. ':c', ARGV[3])
else
  for i = 3, #ARGV, 1000 do
    redis.call('RPUSH', key .. ARGV[2], unpack(ARGV, i, math.min(i + 999, #ARGV)))
  end
end
return number
)";

constexpr const char* kSetdefault = R"(
local value = redis.call('HGET', KEYS[1], ARGV[1])
if not value then fill(KEYS[1], KEYS[2], 1) end
return value
)";

constexpr const char* kDelete = R"(
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
)";

constexpr const char* kPop = R"(
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return value
)";

constexpr const char* kPopitem = R"(
local key = redis.call('ZPOPMAX', KEYS[2])[1]
if not key then return false end
local value = redis.call('HGET', KEYS[1], key)
redis.call('HDEL', KEYS[1], key)
return {key, value}
)";

constexpr const char* kEntries = R"(
local all = {}
for i, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  all[2 * i - 1] = key
  all[2 * i] = redis.call('HGET', KEYS[1], key)
end
return all
)";

// No value is empty, and so an empty item is the one that goes. Otherwise the size.
constexpr const char* kListPop = R"(
local item = redis.call('LINDEX', KEYS[1], ARGV[1])
if not item then return redis.call('LLEN', KEYS[1]) end
redis.call('LSET', KEYS[1], ARGV[1], '')
redis.call('LREM', KEYS[1], 1, '')
return item
)";

// A slice of Python's: begin, end (empty: none) and step. Redis cuts off an end at once; elsewhere
// items are made empty, each looked for from an end of the list, and those go.
constexpr const char* kDeleteSlice = R"(
local size = redis.call('LLEN', KEYS[1])
local by = tonumber(ARGV[3])
local low, high = 0, size
if by < 0 then low, high = -1, size - 1 end
local function place(text, otherwise)
  if text == '' then return otherwise end
  local at = tonumber(text)
  if at < 0 then return math.max(at + size, low) end
  return math.min(at, high)
end
local first, last = low, high
if by < 0 then first, last = high, low end
first, last = place(ARGV[1], first), place(ARGV[2], last)
local count = math.max(0, math.ceil((last - first) / by))
if count == 0 then return 0 end
if by < 0 then first, by = first + (count - 1) * by, -by end
if by == 1 and first == 0 then return redis.call('LTRIM', KEYS[1], count, -1) end
if by == 1 and first + count == size then return redis.call('LTRIM', KEYS[1], 0, first - 1) end
for i = 0, count - 1 do redis.call('LSET', KEYS[1], first + i * by, '') end
return redis.call('LREM', KEYS[1], 0, '')
)";

constexpr const char* kRelease = R"(
if redis.call('LLEN', KEYS[1]) > 0 then return 0 end
return redis.call('RPUSH', KEYS[1], '1')
)";

constexpr const char* kPut = R"(
local slot = redis.call('LPOP', KEYS[1])
if slot then redis.call('RPUSH', KEYS[2], ARGV[1]) end
return slot
)";

constexpr const char* kGet = R"(
local item = redis.call('LPOP', KEYS[1])
if item then redis.call('RPUSH', KEYS[2], '1') end
return item
)";

}  // namespace

RedisScript::RedisScript(std::string text) : text_(std::move(text)), name_(sha1_of(text_)) {}

Words RedisScript::command(std::initializer_list<std::string> keys,
                           std::initializer_list<std::string> arguments) const {
  Words words{"EVALSHA", name_, std::to_string(keys.size())};
  words.insert(words.end(), keys);
  words.insert(words.end(), arguments);
  return words;
}

const RedisScripts& RedisScripts::all() {
  static constinit FirstUse<const RedisScripts> scripts;
  return scripts.get([] {
    return RedisScripts{
        .create = RedisScript(std::string(kFill) + kCreate),
        .dict_update = RedisScript(std::string(kFill) + "fill(KEYS[1], KEYS[2], 1)"),
        .dict_setdefault = RedisScript(std::string(kFill) + kSetdefault),
        .dict_delete = RedisScript(kDelete),
        .dict_pop = RedisScript(kPop),
        .dict_popitem = RedisScript(kPopitem),
        .dict_entries = RedisScript(kEntries),
        .list_pop = RedisScript(kListPop),
        .list_delete_slice = RedisScript(kDeleteSlice),
        .release = RedisScript(kRelease),
        .put = RedisScript(kPut),
        .get = RedisScript(kGet)};
  });
}

std::vector<const RedisScript*> RedisScripts::each() const {
  return {&create,       &dict_update, &dict_setdefault,   &dict_delete, &dict_pop, &dict_popitem,
          &dict_entries, &list_pop,    &list_delete_slice, &release,     &put,      &get};
}

}  // namespace ipc::detail
