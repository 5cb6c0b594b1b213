// SPDX-License-Identifier: MIT
// Rings in shared memory that somebody has written nonsense into: whatever stands there, a receive
// ends with a status, and touches nothing outside.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "impl/pipe/backend.h"
#include "impl/queue/backend.h"

namespace ipc {
namespace {

// The rings of this process: impl/os/ring_memory.cc names them so. What is beside a ring is not of
// it.
std::vector<std::span<std::byte>> rings() {
  std::vector<std::span<std::byte>> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:ipcbench") == std::string::npos) continue;
    std::istringstream range(line);
    void* begin;
    void* end;
    char dash;
    std::string permissions;
    std::string offset;
    range >> begin >> dash >> end >> permissions >> offset;
    if (offset.find_first_not_of('0') != std::string::npos) continue;
    auto* const first = static_cast<std::byte*>(begin);
    found.emplace_back(first, static_cast<std::size_t>(static_cast<std::byte*>(end) - first));
  }
  return found;
}

// Words that are nothing, nearly a header, or anything.
void scribble(std::mt19937_64& random) {
  for (const std::span<std::byte> ring : rings()) {
    for (std::size_t at = 0; at < ring.size(); at += sizeof(std::uint64_t)) {
      const std::uint64_t any = random();
      const std::uint64_t words[] = {any, any & 0xffff, (any & 0xffff) << 32 | (any & 0x1ffff),
                                     (any & 0x7fffffff) << 32 | (any >> 40)};
      std::memcpy(ring.data() + at, &words[random() % std::size(words)], sizeof any);
    }
  }
}

constexpr int kRounds = 100;
constexpr int kReceives = 20;

class HostileRing : public testing::TestWithParam<std::string> {};
class HostileQueue : public testing::TestWithParam<std::string> {};

TEST_P(HostileRing, IsSurvived) {
  const PipeEntry& entry = PipeRegistry::entries().at(GetParam());
  std::mt19937_64 random(1);
  bool corrupt = false;
  for (int round = 0; round < kRounds; ++round) {
    const auto pipe = entry.make({.capacity_bytes = 4096});
    const auto in = pipe->open(0);
    auto out = pipe->open(1);
    ASSERT_FALSE(rings().empty());
    scribble(random);
    out.reset();  // or the rest of a message might be waited for
    Buffer message;
    for (int i = 0; i < kReceives; ++i) {
      const Status status = in->receive_until(message, Deadline::now());
      corrupt = corrupt || status == Status::corrupt;
    }
  }
  EXPECT_TRUE(corrupt);
}

TEST_P(HostileQueue, IsSurvived) {
  const QueueEntry& entry = QueueRegistry::entries().at(GetParam());
  std::mt19937_64 random(1);
  bool corrupt = false;
  for (int round = 0; round < kRounds; ++round) {
    const auto queue = entry.make({.capacity_bytes = 4096});
    const auto end = queue->open();
    Buffer message(200);
    std::memset(message.data(), 0, message.size());
    while (end->send_until(message.bytes(), Deadline::now()) == Status::ok) {
    }
    scribble(random);
    for (int i = 0; i < kReceives; ++i) {
      const Status status = end->receive_until(message, Deadline::now());
      corrupt = corrupt || status == Status::corrupt;
    }
  }
  EXPECT_TRUE(corrupt);
}

INSTANTIATE_TEST_SUITE_P(Rings, HostileRing,
                         testing::Values("shm_ring", "shm_ring_spin", "shm_ring_block"));
INSTANTIATE_TEST_SUITE_P(Rings, HostileQueue, testing::Values("shm_robust"));

}  // namespace
}  // namespace ipc
