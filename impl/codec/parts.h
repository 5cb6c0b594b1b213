// SPDX-License-Identifier: MIT
// An object and all that it contains.
#pragma once

#include <type_traits>

#include "impl/codec/object.h"

namespace ipc {

// `use` of it, then of each of its items, keys and values, and of theirs.
void for_each_part(const Object& value, const auto& use) {
  use(value);
  value.visit([&]<class T>(const T& content) {
    if constexpr (std::is_same_v<T, Object::List>) {
      for (const Object& item : content) for_each_part(item, use);
    } else if constexpr (std::is_same_v<T, Object::Tuple>) {
      for (const Object& item : content.items) for_each_part(item, use);
    } else if constexpr (std::is_same_v<T, Object::Dict>) {
      for (const auto& [key, item] : content) {
        for_each_part(key, use);
        for_each_part(item, use);
      }
    }
  });
}

}  // namespace ipc
