// SPDX-License-Identifier: MIT
#include "impl/os/ring_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "impl/os/child.h"

namespace ipc {
namespace {

TEST(RingMemories, GoOnAtTheirBeginning) {
  const RingMemory memory(1);
  const std::size_t size = memory.size();
  EXPECT_EQ(size, static_cast<std::size_t>(getpagesize()));
  EXPECT_TRUE(std::all_of(memory.address(), memory.address() + 2 * size,
                          [](std::byte byte) { return byte == std::byte{0}; }));
  memory.address()[size] = std::byte{1};
  memory.address()[size - 1] = std::byte{2};
  EXPECT_EQ(memory.address()[0], std::byte{1});
  EXPECT_EQ(memory.address()[2 * size - 1], std::byte{2});
}

TEST(RingMemories, RoundTheirSizeUp) { EXPECT_EQ(RingMemory(65'537).size(), 131'072u); }

TEST(RingMemories, AreSharedWithChildren) {
  const RingMemory memory(1);
  Child child = fork_child([&memory] {
    memory.address()[memory.size()] = std::byte{7};
    return 0;
  });
  EXPECT_EQ(child.wait(Deadline::after(std::chrono::seconds(10))), 0);
  EXPECT_EQ(memory.address()[0], std::byte{7});
}

}  // namespace
}  // namespace ipc
