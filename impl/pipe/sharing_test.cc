// SPDX-License-Identifier: MIT
// Several processes that use the same end of a pipe (claims C03 and C14): under a lock nothing is
// mixed that they send, whatever carries it; without one, nothing that goes into one packet where
// the kernel keeps packets apart; what they send or receive over a stream is.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "impl/os/stream.h"
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

class UnlockedStreamOfProcesses : public testing::TestWithParam<std::string> {
 protected:
  // What is mixed and when is chance; that something is, is not.
  static constexpr int kTries = 20;
};

// Whether the bytes are something else than messages of that size, each of one letter.
bool are_mixed(std::span<const std::byte> bytes, std::size_t size) {
  for (; !bytes.empty(); bytes = bytes.subspan(kFrameHeader + size)) {
    if (bytes.size() < kFrameHeader + size) return true;
    if (decode_frame_header(bytes.data()) != static_cast<std::int64_t>(size)) return true;
    const auto message = bytes.subspan(kFrameHeader, size);
    if (std::ranges::count(message, message.front()) != static_cast<std::ptrdiff_t>(size)) {
      return true;
    }
  }
  return false;
}

TEST_P(UnlockedStreamOfProcesses, MixesWhatSeveralSend) {
  constexpr std::size_t kSize = 100'000;  // more than the stream holds
  bool mixed = false;
  for (int tries = 0; tries < kTries && !mixed; ++tries) {
    auto [receiver, sender] = Pipe({.duplex = false, .backend = GetParam()});
    std::list<Running> writers;
    for (const char letter : {'a', 'b', 'c'}) {
      writers.emplace_back([letter, &out = sender] {
        const std::vector<std::byte> message(kSize, static_cast<std::byte>(letter));
        for (int i = 0; i < 10; ++i) out.send_bytes(message);
      });
    }
    sender.close();
    std::vector<std::byte> bytes(40 * kSize);
    std::size_t came = 0;
    for (ssize_t n = 1; n > 0; came += static_cast<std::size_t>(n)) {
      n = read(receiver.fileno(), bytes.data() + came, bytes.size() - came);
      ASSERT_GE(n, 0);
    }
    EXPECT_EQ(came, 30 * (kFrameHeader + kSize));  // nothing is lost
    mixed = are_mixed(std::span(bytes).first(came), kSize);
    for (Running& writer : writers) EXPECT_EQ(end_of(*writer), 0);
  }
  EXPECT_TRUE(mixed);
}

// 0: it got whole messages to the end, 1: something else.
int receive_all(Connection& in, const std::vector<std::byte>& message) {
  try {
    for (;;) {
      if (in.recv_bytes() != message) return 1;
    }
  } catch (const EndOfFile&) {
    return 0;
  } catch (const Error&) {
    return 1;
  }
}

TEST_P(UnlockedStreamOfProcesses, MixesWhatSeveralReceive) {
  std::vector<std::byte> message(100'000);  // more than the stream holds: it comes in pieces
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::byte>(i);
  bool mixed = false;
  for (int tries = 0; tries < kTries && !mixed; ++tries) {
    auto [receiver, sender] = Pipe({.duplex = false, .backend = GetParam()});
    std::list<Running> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&, &in = receiver, &out = sender] {
        out.close();
        throw Exit{receive_all(in, message)};
      });
    }
    receiver.close();
    try {
      for (int i = 0; i < 200; ++i) sender.send_bytes(message);
    } catch (const Error&) {  // both have had enough
    }
    sender.close();
    for (Running& reader : readers) mixed = end_of(*reader) == 1 || mixed;
  }
  EXPECT_TRUE(mixed);
}

INSTANTIATE_TEST_SUITE_P(Streams, UnlockedStreamOfProcesses,
                         testing::Values("os_pipe", "unix_stream"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace ipc
