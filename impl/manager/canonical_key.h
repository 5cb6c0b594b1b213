// SPDX-License-Identifier: MIT
// Keys and values of a dict as bytes, for stores that keep nothing else: a database, a map in
// shared memory.
//
// Keys that Python takes for equal are the same bytes, and others are not: True, 1 and 1.0 are one
// key, kept as the integer, also inside of tuples. (Python's dict keeps the first of them; and
// where its NaN equals nothing, here all NaNs are one key.)
//
// A handle, such as a proxy or a Connection, is refused: nobody would hold what it is of.
#pragma once

#include <cstddef>
#include <vector>

#include "impl/codec/object.h"

namespace ipc::detail {

// Throws ValueError when there is a handle in it.
void refuse_handles(const Object& value);
// Appends the key; decode gives it back as it is kept. Throws TypeError when it is not hashable, in
// the words of a dict, and ValueError for a handle or what cannot be encoded.
void append_key(const Object& key, std::vector<std::byte>& out);
// Throws ValueError for a handle or what cannot be encoded.
void append_stored(const Object& value, std::vector<std::byte>& out);

}  // namespace ipc::detail
