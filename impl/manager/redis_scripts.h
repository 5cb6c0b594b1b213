// SPDX-License-Identifier: MIT
// The scripts of Redis that are operations of a manager's objects. The server loads all before it
// serves, and then knows each by the SHA-1 of its text (EVALSHA).
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

namespace ipc::detail {

using Words = std::vector<std::string>;  // a command of Redis: any bytes

class RedisScript {
 public:
  explicit RedisScript(std::string text);

  const std::string& text() const { return text_; }
  Words command(std::initializer_list<std::string> keys,
                std::initializer_list<std::string> arguments = {}) const;
  static constexpr std::size_t kFirstKey = 3;  // of the words

 private:
  std::string text_;
  std::string name_;
};

// What each does with which keys: redis_containers.h, redis_operations.h.
struct RedisScripts {
  static const RedisScripts& all();
  std::vector<const RedisScript*> each() const;

  const RedisScript create;
  const RedisScript dict_update;
  const RedisScript dict_setdefault;
  const RedisScript dict_delete;
  const RedisScript dict_pop;
  const RedisScript dict_popitem;
  const RedisScript dict_entries;
  const RedisScript list_pop;
  const RedisScript list_delete_slice;
  const RedisScript release;
  const RedisScript put;
  const RedisScript get;
};

}  // namespace ipc::detail
