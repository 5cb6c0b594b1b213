// SPDX-License-Identifier: MIT
// Object as a msgpack message, without msgpack's own headers, which take half of the time of
// whatever includes them: what the drivers of the backends need. Other types, and how all look:
// msgpack.h.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "impl/codec/object.h"
#include "impl/os/error.h"

namespace ipc {

// A list, dict or tuple is one level.
inline constexpr std::size_t kMaxDepth = 256;

class DecodeError : public Error {
 public:
  DecodeError(std::size_t offset, const std::string& reason);
  // The byte of the message at which decoding stopped; 0 when the whole message is not of the type
  // asked for.
  std::size_t offset() const { return offset_; }

 private:
  std::size_t offset_;
};

// Appends the message to `out`, so that a caller can reuse its memory and put a header before it.
// What it has of a handle can be decoded once: encode it for each receiver.
// Throws ValueError when the value cannot be carried; `out` is then as it was.
void encode(const Object& object, std::vector<std::byte>& out);

// Of a message that nobody will decode: its handles keep nothing open any more.
void withdraw(std::span<const std::byte> message) noexcept;

// The value of a message, to its last byte; of another type than Object with msgpack.h. T is
// default-constructible and owns what it holds (no std::string_view). msgpack-cxx's rules apply
// inside T: a number out of T's range is refused, items missing at the end of a tuple or struct
// keep their defaults, a whole float that was encoded as double travels as int. Of a class that is
// sent as a handle the message holds one alone.
template <class T = Object>
T decode(std::span<const std::byte> message);
template <>
Object decode<Object>(std::span<const std::byte> message);

}  // namespace ipc
