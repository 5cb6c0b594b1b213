// SPDX-License-Identifier: MIT
#include "impl/os/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace ipc {
namespace {

using std::chrono::milliseconds;

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
std::string text(const Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

class Frames : public testing::Test {
 protected:
  Status receive(Buffer& message, Deadline deadline = Deadline::never()) {
    return reader_.receive(pipe_.read.get(), message, deadline);
  }
  void write_raw(const std::string& raw) {
    ASSERT_EQ(write(pipe_.write.get(), raw.data(), raw.size()), static_cast<ssize_t>(raw.size()));
  }

  PipeEnds pipe_ = make_pipe(65536);
  FrameReader reader_;
  Buffer message_;
};

TEST_F(Frames, AreCPythonsOnTheWire) {
  ASSERT_EQ(write_frame(pipe_.write.get(), bytes("abc"), Deadline::never()), Status::ok);
  char raw[16];
  ASSERT_EQ(read(pipe_.read.get(), raw, sizeof raw), 7);
  EXPECT_EQ(std::string(raw, 7), std::string("\0\0\0\3abc", 7));
}

TEST_F(Frames, ArriveOneByOneThoughReadTogether) {
  for (const char* word : {"one", "", "three"}) {
    ASSERT_EQ(write_frame(pipe_.write.get(), bytes(word), Deadline::never()), Status::ok);
  }
  ASSERT_EQ(receive(message_), Status::ok);
  EXPECT_EQ(text(message_), "one");
  EXPECT_TRUE(reader_.has_buffered());
  ASSERT_EQ(receive(message_), Status::ok);
  EXPECT_EQ(text(message_), "");
  ASSERT_EQ(receive(message_), Status::ok);
  EXPECT_EQ(text(message_), "three");
  EXPECT_FALSE(reader_.has_buffered());
}

TEST_F(Frames, OfAllSizesGoThrough) {
  std::vector<std::size_t> sizes;
  for (std::size_t size = 1; size < 300'000; size = size * 3 + 1) sizes.push_back(size);
  for (const std::size_t edge : {4092u, 4093u, 8191u, 8192u, 65532u, 65536u}) sizes.push_back(edge);
  std::thread sender([&] {
    for (const std::size_t size : sizes) {
      const std::string sent(size, static_cast<char>('a' + size % 26));
      EXPECT_EQ(
          write_frame(pipe_.write.get(), bytes(sent), Deadline::after(std::chrono::seconds(60))),
          Status::ok);
    }
    pipe_.write.reset();
  });
  for (const std::size_t size : sizes) {
    EXPECT_EQ(receive(message_), Status::ok);
    EXPECT_EQ(text(message_), std::string(size, static_cast<char>('a' + size % 26)));
  }
  EXPECT_EQ(receive(message_), Status::closed);
  sender.join();
}

TEST_F(Frames, CutOffAreCorruptOnceAndThenTheStreamHasEnded) {
  write_raw(std::string("\0\0\0\5ab", 6));
  pipe_.write.reset();
  EXPECT_EQ(receive(message_), Status::corrupt);
  EXPECT_EQ(receive(message_), Status::closed);
}

TEST_F(Frames, WithHalfAHeaderAreCorruptOnceAndThenTheStreamHasEnded) {
  write_raw(std::string("\0\0", 2));
  pipe_.write.reset();
  EXPECT_EQ(receive(message_), Status::corrupt);
  EXPECT_EQ(receive(message_), Status::closed);
}

// A socket that is closed with something unread resets the other.
TEST_F(Frames, CutOffByAResetAreCorruptAsWell) {
  for (const std::string& part : {std::string("\0\0\0\5ab", 6), std::string("\0\0", 2)}) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    UniqueFd other(ends[1]);
    pipe_.read = UniqueFd(ends[0]);
    ASSERT_EQ(write(other.get(), part.data(), part.size()), static_cast<ssize_t>(part.size()));
    ASSERT_EQ(write(pipe_.read.get(), "unread", 6), 6);
    std::thread closer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      other.reset();
    });
    EXPECT_EQ(receive(message_), Status::corrupt);
    closer.join();
    EXPECT_EQ(receive(message_), Status::closed);
  }
}

TEST_F(Frames, OfNegativeLengthAreCorrupt) {
  write_raw("\xff\xff\xff\xfe");
  EXPECT_EQ(receive(message_), Status::corrupt);
}

TEST_F(Frames, AreRefusedOverTheMaximum) {
  const std::span<const std::byte> huge(message_.data(), kMaxFrame + 1);  // never read
  EXPECT_EQ(write_frame(pipe_.write.get(), huge, Deadline::never()), Status::too_big);
  EXPECT_EQ(receive(message_, Deadline::now()), Status::timed_out);
}

TEST_F(Frames, WithoutAReaderAreAnErrorAndNoSignal) {
  pipe_.read.reset();
  EXPECT_EQ(write_frame(pipe_.write.get(), bytes("x"), Deadline::never()), Status::closed);
}

TEST_F(Frames, WaitAtMostUntilTheDeadline) {
  EXPECT_EQ(receive(message_, Deadline::now()), Status::timed_out);
  EXPECT_EQ(receive(message_, Deadline::after(milliseconds(5))), Status::timed_out);
  const std::string chunk(4000, 'x');
  Status status = Status::ok;
  for (int i = 0; i < 100 && status == Status::ok; ++i) {
    status = write_frame(pipe_.write.get(), bytes(chunk), Deadline::after(milliseconds(5)));
  }
  EXPECT_EQ(status, Status::timed_out);
}

}  // namespace
}  // namespace ipc
