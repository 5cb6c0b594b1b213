// SPDX-License-Identifier: MIT
// Several processes that send by the same end of a pipe (claims C03 and C14): under a lock nothing
// is mixed, whatever carries it; without one, nothing that goes into one packet where the kernel
// keeps packets apart.
#include <gtest/gtest.h>

#include <list>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "impl/pipe/backend.h"
#include "impl/pipe/pipe.h"
#include "impl/process/typed_api_test.h"
#include "impl/sync/lock.h"

namespace ipc {
namespace {

constexpr int kEach = 200;
constexpr std::size_t kSizes[] = {10, 1000, 4092, 4093, 16000, 100000};
constexpr std::size_t kOnePacket = 16000;

struct Sharing {
  std::string backend;
  bool locked;
};

class SharedEndOfProcesses : public testing::TestWithParam<Sharing> {};

TEST_P(SharedEndOfProcesses, MixesNothing) {
  const auto& [backend, locked] = GetParam();
  const Traits& traits = PipeRegistry::get(backend).traits;
  if (const auto reason = traits.available()) GTEST_SKIP() << *reason;
  for (const std::size_t size : kSizes) {
    if (size > traits.max_message || (!locked && size > kOnePacket)) continue;
    auto [receiver, sender] = Pipe({.duplex = false, .backend = backend});
    Lock lock;
    std::list<Running> writers;
    for (const char letter : {'a', 'b', 'c'}) {
      writers.emplace_back([&, letter, &out = sender, locked = locked] {
        const std::vector<std::byte> message(size, static_cast<std::byte>(letter));
        for (int i = 0; i < kEach; ++i) {
          const auto hold = locked ? std::unique_lock(lock) : std::unique_lock<Lock>();
          out.send_bytes(message);
        }
      });
    }
    sender.close();
    std::map<std::byte, int> letters;
    try {
      for (;;) {
        const std::vector<std::byte> message = receiver.recv_bytes();
        ASSERT_EQ(message.size(), size);
        ASSERT_EQ(message, std::vector<std::byte>(size, message.front())) << "mixed";
        ++letters[message.front()];
      }
    } catch (const EndOfFile&) {
    }
    for (const char letter : {'a', 'b', 'c'}) {
      EXPECT_EQ(letters[static_cast<std::byte>(letter)], kEach) << size;
    }
    for (Running& writer : writers) EXPECT_EQ(end_of(*writer), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(UnderALock, SharedEndOfProcesses,
                         testing::Values(Sharing{"os_pipe", true}, Sharing{"unix_stream", true},
                                         Sharing{"tcp_loopback", true}, Sharing{"shm_ring", true}),
                         [](const auto& one) { return one.param.backend; });
INSTANTIATE_TEST_SUITE_P(WithoutALock, SharedEndOfProcesses,
                         testing::Values(Sharing{"unix_seqpacket", false},
                                         Sharing{"unix_dgram", false}),
                         [](const auto& one) { return one.param.backend; });

}  // namespace
}  // namespace ipc
