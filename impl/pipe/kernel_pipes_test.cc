// SPDX-License-Identifier: MIT
// Connections over the mechanisms that CPython's Pipe uses: what only a stream of the kernel shows.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "impl/pipe/pipe.h"

namespace ipc {
namespace {

// What CPython's Pipe() and Pipe(False) are.
std::pair<Connection, Connection> kernel_pipe(bool duplex = true) {
  return Pipe({.duplex = duplex, .backend = duplex ? "unix_stream" : "os_pipe"});
}

TEST(KernelPipe, IsASocketPairOrAOneWayPipe) {
  auto [a, b] = kernel_pipe();
  auto [receiver, sender] = kernel_pipe(false);
  struct stat status;
  ASSERT_EQ(fstat(a.fileno(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  ASSERT_EQ(fstat(receiver.fileno(), &status), 0);
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
}

TEST(KernelPipe, ReportsUnreadMessagesOfItsPeerOnce) {
  auto [a, b] = kernel_pipe();
  b.send("for a");
  a.send("for b");
  b.close();
  EXPECT_EQ(a.recv(), "for a");
  EXPECT_THROW(a.recv(), ConnectionReset);
  EXPECT_THROW(a.recv(), EndOfFile);
  EXPECT_THROW(a.recv(), EndOfFile);
}

TEST(KernelPipe, IsBrokenForASenderThatWaitsWhenItsReaderGoes) {
  for (const char* backend : {"os_pipe", "unix_stream"}) {
    auto [receiver, sender] = Pipe({.duplex = false, .backend = backend});
    std::thread reader([&end = receiver] {
      EXPECT_TRUE(end.poll(20));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it is full long before
      end.close();
    });
    const std::string message(4096, 'x');
    EXPECT_THROW(for (;;) sender.send_bytes(message), BrokenPipe) << backend;
    reader.join();
  }
}

TEST(KernelPipe, IsCorruptWhenItEndsInsideAMessage) {
  const std::string half_messages[] = {std::string("\0\0", 2), std::string("\0\0\0\5ab", 6)};
  for (const std::string& half : half_messages) {
    for (const bool duplex : {true, false}) {
      auto [a, b] = kernel_pipe(duplex);
      ASSERT_EQ(write(b.fileno(), half.data(), half.size()), static_cast<ssize_t>(half.size()));
      b.close();
      EXPECT_TRUE(a.poll());
      EXPECT_THROW(a.recv_bytes(), CorruptMessage);
    }
  }
}

TEST(KernelPipe, IsCorruptAfterANegativeLength) {
  auto [a, b] = kernel_pipe();
  ASSERT_EQ(write(b.fileno(), "\xff\xff\xff\xfe", 4), 4);
  EXPECT_THROW(a.recv_bytes(), CorruptMessage);
}

TEST(KernelPipe, PollsTrueForAPartOfAMessage) {
  auto [a, b] = kernel_pipe();
  ASSERT_EQ(write(b.fileno(), "\0\0", 2), 2);
  EXPECT_TRUE(a.poll());
}

}  // namespace
}  // namespace ipc
