// SPDX-License-Identifier: MIT
#include "impl/os/ring_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
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
  EXPECT_EQ(child.wait(Deadline::after(std::chrono::seconds(60))), 0);
  EXPECT_EQ(memory.address()[0], std::byte{7});
}

TEST(RingMemories, AreTheSameByTheirDescriptor) {
  const RingMemory memory(1, 100);
  const RingMemory again(duplicate(memory.descriptor()), 100);
  EXPECT_EQ(again.size(), memory.size());
  memory.address()[memory.size() + 1] = std::byte{7};
  memory.beside()[99] = std::byte{8};
  EXPECT_EQ(again.address()[1], std::byte{7});
  EXPECT_EQ(again.beside()[99], std::byte{8});
  EXPECT_EQ(again.address()[0], std::byte{0}) << "what is beside the ring lies in it";
}

TEST(RingMemories, AreOfNoOtherDescriptor) {
  const auto page = static_cast<std::size_t>(getpagesize());
  EXPECT_THROW(RingMemory(duplicate(RingMemory(1).descriptor()), 1), Error) << "without a ring";
  EXPECT_THROW(RingMemory(duplicate(RingMemory(4 * page, page).descriptor()), 0), Error)
      << "not a power of two";
  const UniqueFd other(memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(other.get(), getpagesize()), 0);
  EXPECT_THROW(RingMemory(duplicate(other), 0), Error) << "it can change its size";
  ASSERT_EQ(fcntl(other.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_THROW(RingMemory(duplicate(other), 0), Error) << "its page is not there";
}

}  // namespace
}  // namespace ipc
