// SPDX-License-Identifier: MIT
// Backends by name. Filled by static objects before main, read-only afterwards, sorted. An empty or
// duplicate name ends the program: two files would claim the same rows.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "impl/os/error.h"

namespace ipc {

// REQUIRES of Entry: `std::string name`, and `static constexpr const char* kFamily`.
template <class Entry>
class Registry {
 public:
  using Map = std::map<std::string, Entry, std::less<>>;

  static const Map& entries() { return map(); }

  // Throws ValueError with the valid names.
  static const Entry& get(std::string_view name) {
    if (const auto found = map().find(name); found != map().end()) return found->second;
    std::string names;
    for (const auto& [known, entry] : map()) names += (names.empty() ? "" : ", ") + known;
    throw ValueError(std::string("no ") + Entry::kFamily + " backend is called \"" +
                     std::string(name) + "\"; there are: " + names);
  }

  static void add(Entry entry) {
    const std::string name = entry.name;
    if (name.empty() || !map().emplace(name, std::move(entry)).second) {
      std::fprintf(stderr, "two %s backends are called \"%s\"\n", Entry::kFamily, name.c_str());
      std::abort();
    }
  }

 private:
  static Map& map() {
    static Map entries;
    return entries;
  }
};

}  // namespace ipc
