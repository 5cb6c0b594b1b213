// SPDX-License-Identifier: MIT
#include "impl/shared/array.h"

#include <limits>

namespace ipc::detail {

// As CPython's PySlice_AdjustIndices.
Indices indices_of(const Slice& given, std::int64_t size) {
  Slice slice = given;
  slice.step = std::max(slice.step, -std::numeric_limits<std::int64_t>::max());
  if (slice.step == 0) throw ValueError("the step of a slice cannot be 0");
  const bool forward = slice.step > 0;
  const std::int64_t before = forward ? 0 : -1;  // the lowest that a bound may be
  const std::int64_t behind = forward ? size : size - 1;
  const auto cut = [&](std::int64_t bound) {
    if (bound < 0) bound += size;
    return std::clamp(bound, before, behind);
  };
  const std::int64_t start = slice.start ? cut(*slice.start) : forward ? before : behind;
  const std::int64_t stop = slice.stop ? cut(*slice.stop) : forward ? behind : before;
  const std::int64_t distance = forward ? stop - start : start - stop;
  const std::int64_t step = forward ? slice.step : -slice.step;
  return {start, distance <= 0 ? 0 : (distance - 1) / step + 1, slice.step};
}

std::int64_t checked_index(std::int64_t index, std::int64_t size) {
  const std::int64_t counted = index < 0 ? index + size : index;
  if (counted >= 0 && counted < size) return counted;
  throw IndexError("index " + std::to_string(index) + " is out of range of an array of " +
                   std::to_string(size));
}

std::size_t checked_size(std::int64_t size, std::size_t element) {
  const auto most = static_cast<std::int64_t>(kAnySize / 4 / element);
  if (size >= 0 && size <= most) return static_cast<std::size_t>(size);
  throw ValueError("an array has 0 to " + std::to_string(most) + " elements of that size, not " +
                   std::to_string(size));
}

}  // namespace ipc::detail
