// SPDX-License-Identifier: MIT
// How many items, and of what length, a queue has room for whose memory is fixed when it is made.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "impl/queue/backend.h"

namespace ipc {

struct ItemBounds {
  std::uint32_t items;
  std::size_t message_bytes;  // of the longest
};

inline constexpr std::size_t kUnknownMessage = 4096;

// What is not said is chosen: as many items as fit capacity_bytes, but one at least; when the
// longest message is not known either, 1024 of 4096 bytes.
inline ItemBounds item_bounds(const QueueOptions& options) {
  constexpr std::size_t kUnknownItems = 1024;
  const std::size_t bytes = options.message_bytes != 0 ? options.message_bytes : kUnknownMessage;
  const std::size_t items = options.max_items != 0       ? options.max_items
                            : options.message_bytes != 0 ? options.capacity_bytes / bytes
                                                         : kUnknownItems;
  return {static_cast<std::uint32_t>(std::max<std::size_t>(1, items)), bytes};
}

}  // namespace ipc
