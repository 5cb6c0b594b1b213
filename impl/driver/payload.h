// SPDX-License-Identifier: MIT
// What the messages of a measurement say. The first word is the tag: who sent it and its number;
// every further word is the tag plus a step for each place, so that a lost, doubled, reordered or
// torn message shows. The producer writes every byte, the consumer reads every byte. Sizes are at
// least 8 bytes.
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

// Odd: words of different tags differ at every place, those of one tag at different places.
inline constexpr std::uint64_t kStep = 0xd1342543de82ef95;

// Two words at once, written and read in the same pieces: the CPU hands a small message that was
// just written to its reader only if both take it apart alike.
using Pair = std::uint64_t __attribute__((vector_size(16)));
inline constexpr std::size_t kBlock = 4;  // pairs that are done without a branch between them

constexpr Pair pair_at(std::uint64_t word) { return Pair{word, word + kStep}; }
constexpr Pair steps(std::uint64_t pairs) { return Pair{2 * pairs * kStep, 2 * pairs * kStep}; }

// The pieces of a message of `size` bytes: on_pair(place, its two words), on_rest(place, words,
// bytes) for what is shorter than a pair.
template <class OnPair, class OnRest>
[[gnu::always_inline]] inline void each_piece(std::size_t size, std::uint64_t tag,
                                              const OnPair& on_pair, const OnRest& on_rest) {
  Pair words = pair_at(tag);
  std::size_t place = 0;
  for (; size - place >= kBlock * sizeof(Pair); place += kBlock * sizeof(Pair)) {
    for (std::size_t i = 0; i < kBlock; ++i) on_pair(place + i * sizeof(Pair), words + steps(i));
    words += steps(kBlock);
  }
  for (; size - place >= sizeof(Pair); place += sizeof(Pair), words += steps(1)) {
    on_pair(place, words);
  }
  if (size != place) on_rest(place, words, size - place);
}

}  // namespace payload_detail

// Both stand in every measured message, so they are inlined whatever the compiler thinks of their
// callers.
// REQUIRES: message.size() >= kMinPayload.
[[gnu::always_inline]] inline void fill_payload(std::span<std::byte> message, std::uint64_t tag) {
  std::byte* const to = message.data();
  const auto write = [to](std::size_t place, payload_detail::Pair words,
                          std::size_t bytes = sizeof(payload_detail::Pair)) {
    std::memcpy(to + place, &words, bytes);
  };
  payload_detail::each_piece(message.size(), tag, write, write);
}

// True when every byte is what fill_payload wrote for the tag in the first word. REQUIRES: as
// above.
[[gnu::always_inline]] inline bool check_payload(std::span<const std::byte> message,
                                                 std::uint64_t& tag) {
  using payload_detail::Pair;
  const std::byte* const from = message.data();
  std::memcpy(&tag, from, sizeof tag);
  Pair difference{};
  const auto compare = [&](std::size_t place, Pair words) {
    Pair found;
    std::memcpy(&found, from + place, sizeof found);
    difference |= found ^ words;
  };
  bool rest_differs = false;
  const auto compare_rest = [&](std::size_t place, Pair words, std::size_t bytes) {
    rest_differs = std::memcmp(from + place, &words, bytes) != 0;
  };
  payload_detail::each_piece(message.size(), tag, compare, compare_rest);
  return (difference[0] | difference[1]) == 0 && !rest_differs;
}

}  // namespace ipc
