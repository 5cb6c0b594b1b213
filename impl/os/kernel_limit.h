// SPDX-License-Identifier: MIT
// The kernel's limits, as files below /proc/sys say them.
#pragma once

#include <cstddef>
#include <fstream>
#include <optional>

namespace ipc {

// Nothing where the kernel does not have what the file is about.
inline std::optional<std::size_t> kernel_limit(const char* path) {
  std::size_t limit;
  if (std::ifstream(path) >> limit) return limit;
  return std::nullopt;
}

}  // namespace ipc
