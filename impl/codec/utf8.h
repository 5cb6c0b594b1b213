// SPDX-License-Identifier: MIT
// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ipc {

struct CodePoint {
  char32_t value;
  std::size_t size;  // in bytes; 0: no valid code point starts here
};

inline CodePoint first_code_point(std::string_view text) {
  constexpr CodePoint invalid{0, 0};
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};  // by size: less is overlong
  if (text.empty()) return invalid;
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xC2 || lead > 0xF4) return invalid;
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < size) return invalid;
  char32_t value = lead & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0u) != 0x80) return invalid;
    value = value << 6 | (next & 0x3Fu);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest[size] || value > 0x10FFFF || surrogate) return invalid;
  return {value, size};
}

// How many bytes at the start of text are valid: text.size() when all are.
inline std::size_t valid_utf8_prefix(std::string_view text) {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t eight;
    if (text.size() - at >= sizeof eight) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & high_bits) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    const std::size_t size = first_code_point(text.substr(at)).size;
    if (size == 0) break;
    at += size;
  }
  return at;
}

// With what is not valid replaced.
inline std::string as_utf8(std::string_view text) {
  std::string good;
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    good += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    good += "\uFFFD";
    text.remove_prefix(1);
  }
  return good;
}

}  // namespace ipc
