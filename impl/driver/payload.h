// SPDX-License-Identifier: MIT
// What the messages of a measurement say. The first word is the tag: who sent it and its number;
// every further word follows from the tag and its place, so that a lost, doubled, reordered or torn
// message shows. The producer writes every byte, the consumer reads every byte. Sizes are at least
// 8 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ipc {

inline constexpr std::size_t kMinPayload = 8;

// REQUIRES: producer < 2^16, sequence < 2^48.
constexpr std::uint64_t make_tag(std::uint32_t producer, std::uint64_t sequence) {
  return (std::uint64_t{producer} << 48) | sequence;
}
constexpr std::uint32_t producer_of(std::uint64_t tag) {
  return static_cast<std::uint32_t>(tag >> 48);
}
constexpr std::uint64_t sequence_of(std::uint64_t tag) {
  return tag & ((std::uint64_t{1} << 48) - 1);
}

namespace payload_detail {
inline constexpr std::uint64_t kMix =
    0x9e3779b97f4a7c15;  // odd: different tags give different words
inline constexpr std::uint64_t kStep = 0xd1342543de82ef95;
constexpr std::uint64_t first_word(std::uint64_t tag) { return (tag + 1) * kMix; }
}  // namespace payload_detail

// REQUIRES: message.size() >= kMinPayload.
inline void fill_payload(std::span<std::byte> message, std::uint64_t tag) {
  using namespace payload_detail;
  std::byte* to = message.data();
  std::memcpy(to, &tag, 8);
  const std::size_t words = message.size() / 8;
  const std::uint64_t first = first_word(tag);
  for (std::size_t i = 1; i < words; ++i) {
    const std::uint64_t word = first + i * kStep;
    std::memcpy(to + i * 8, &word, 8);
  }
  if (const std::size_t tail = message.size() % 8; tail != 0) {
    const std::uint64_t word = first + words * kStep;
    std::memcpy(to + words * 8, &word, tail);
  }
}

// True when every byte is what fill_payload wrote for the tag in the first word. REQUIRES: as
// above.
inline bool check_payload(std::span<const std::byte> message, std::uint64_t& tag) {
  using namespace payload_detail;
  const std::byte* from = message.data();
  std::memcpy(&tag, from, 8);
  const std::size_t words = message.size() / 8;
  const std::uint64_t first = first_word(tag);
  std::uint64_t difference = 0;
  for (std::size_t i = 1; i < words; ++i) {
    std::uint64_t word;
    std::memcpy(&word, from + i * 8, 8);
    difference |= word ^ (first + i * kStep);
  }
  if (const std::size_t tail = message.size() % 8; tail != 0) {
    const std::uint64_t expected = first + words * kStep;
    difference |= static_cast<std::uint64_t>(std::memcmp(from + words * 8, &expected, tail) != 0);
  }
  return difference == 0;
}

}  // namespace ipc
