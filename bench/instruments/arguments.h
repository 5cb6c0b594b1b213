// SPDX-License-Identifier: MIT
// The command line of an instrument: nothing but numbers.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <system_error>
#include <vector>

namespace ipc::bench {

struct Argument {
  const char* name;
  int least;
  int most = std::numeric_limits<int>::max();
};

// The values, one for each. Says what is wrong and exits with 2 when they are not what is wanted.
inline std::vector<int> numbers(int argc, char** argv, const char* program,
                                const std::vector<Argument>& wanted) {
  if (static_cast<std::size_t>(argc) != wanted.size() + 1) {
    std::fprintf(stderr, "usage: %s", program);
    for (const Argument& one : wanted) std::fprintf(stderr, " %s", one.name);
    std::fprintf(stderr, "\n");
    std::exit(2);
  }
  std::vector<int> values;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const char* const text = argv[i + 1];
    const char* const end = text + std::strlen(text);
    int value = 0;
    const auto [stop, error] = std::from_chars(text, end, value);
    const auto& [name, least, most] = wanted[i];
    if (error != std::errc() || stop != end || value < least || value > most) {
      std::fprintf(stderr, "%s: %s is '%s', wanted a number from %d to %d\n", program, name, text,
                   least, most);
      std::exit(2);
    }
    values.push_back(value);
  }
  return values;
}

}  // namespace ipc::bench
