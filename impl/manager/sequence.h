// SPDX-License-Identifier: MIT
// What Python does with the indices and slices of a sequence, for the referents that are one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "impl/codec/object.h"

namespace ipc::detail {

using Items = std::vector<Object>;

// The place of an index, negative from the end. Throws TypeError, and IndexError with that text.
std::size_t place_of(const Object& index, std::size_t size, const std::string& out_of_range);
// Of insert and index: cut to the sequence. None: `otherwise`.
std::size_t cut_place(const Object& index, std::size_t size, std::size_t otherwise);

// Python's index(value, start, stop); each of these may be None. Throws ValueError, TypeError.
std::size_t place_of_first(const Object& value, const Items& items, const Object& start,
                           const Object& stop);

// start:stop:step of a sequence of `size` items; each may be None. Throws TypeError, ValueError for
// a step of 0.
struct Slice {
  Slice(const Object& start, const Object& stop, const Object& step, std::size_t size);

  std::size_t place(std::size_t number) const {
    return static_cast<std::size_t>(begin + static_cast<std::int64_t>(number) * by);
  }

  std::int64_t begin;
  std::int64_t by;
  std::size_t count;
};
Items slice(const Items& items, const Slice& which);
// Throws ValueError where the step is not 1 and the sizes differ.
void set_slice(Items& items, const Slice& which, Items values);
void delete_slice(Items& items, const Slice& which);

// The items of a list or tuple. Throws TypeError for what is not iterable; a str, bytes or dict has
// to be made a list of by who calls.
Items items_of(Object object);

// Python's a < b. Throws TypeError where it knows none.
bool less(const Object& a, const Object& b);

}  // namespace ipc::detail
