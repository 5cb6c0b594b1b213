// SPDX-License-Identifier: MIT
#include "impl/os/buffer.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

namespace ipc {
namespace {

std::uintptr_t place(const Buffer& buffer) {
  return reinterpret_cast<std::uintptr_t>(buffer.data()) % 4096;
}

TEST(BufferTest, LargeOnesBeginAtOnePlaceOfTheirPages) {
  std::vector<Buffer> buffers;
  for (const std::size_t size :
       std::initializer_list<std::size_t>{512, 1024, 4096, 4097, 65536, 1 << 20}) {
    buffers.emplace_back(size);
    EXPECT_EQ(place(buffers.back()), place(buffers.front())) << size << " bytes";
    std::memset(buffers.back().data(), 1, size);
  }
}

TEST(BufferTest, GrowsAndDoesNotShrink) {
  Buffer buffer(16);
  for (const std::size_t size : std::initializer_list<std::size_t>{600, 20, 5000, 0}) {
    buffer.resize(size);
    ASSERT_EQ(buffer.size(), size);
    std::memset(buffer.data(), 1, buffer.capacity());
  }
  EXPECT_EQ(buffer.capacity(), 5000u);
}

}  // namespace
}  // namespace ipc
