// SPDX-License-Identifier: MIT
#include "impl/driver/payload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ipc {
namespace {

std::vector<std::byte> filled(std::size_t size, std::uint64_t tag) {
  std::vector<std::byte> message(size);
  fill_payload(message, tag);
  return message;
}

TEST(Payload, WhatWasFilledIsAccepted) {
  for (std::size_t size = kMinPayload; size < 200; ++size) {
    std::uint64_t tag = 0;
    EXPECT_TRUE(check_payload(filled(size, make_tag(3, size)), tag));
    EXPECT_EQ(producer_of(tag), 3u);
    EXPECT_EQ(sequence_of(tag), size);
  }
}

TEST(Payload, EveryChangedByteIsNoticed) {
  for (const std::size_t size : {9u, 16u, 23u, 64u, 71u}) {
    for (std::size_t i = 8; i < size;
         ++i) {  // the first 8 bytes are the tag, which the sequence check sees
      auto message = filled(size, make_tag(1, 1000));
      message[i] ^= std::byte{1};
      std::uint64_t tag;
      EXPECT_FALSE(check_payload(message, tag)) << "byte " << i << " of " << size;
    }
  }
}

TEST(Payload, HalvesOfNeighboursDoNotPassForOne) {
  auto message = filled(64, make_tag(0, 5));
  const auto next = filled(64, make_tag(0, 6));
  std::copy(next.begin() + 32, next.end(), message.begin() + 32);
  std::uint64_t tag;
  EXPECT_FALSE(check_payload(message, tag));
}

TEST(Payload, EveryByteIsWritten) {
  for (const std::size_t size : {16u, 61u}) {
    std::vector<std::byte> zeros(size, std::byte{0});
    std::vector<std::byte> ones(size, std::byte{0xff});
    fill_payload(zeros, 42);
    fill_payload(ones, 42);
    EXPECT_EQ(zeros, ones);
  }
}

}  // namespace
}  // namespace ipc
