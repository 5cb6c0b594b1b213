// SPDX-License-Identifier: MIT
// Connection within one process and between threads, over every backend: what Python's does. No
// case forks. Longer than most: all that one Connection does, on one fixture.
#include "impl/pipe/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "impl/os/deadline.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/pipe.h"
#include "impl/process/typed_api_test.h"

namespace ipc {
namespace {

class PipeEnd : public testing::TestWithParam<std::string> {
 protected:
  std::pair<Connection, Connection> duplex() const { return Pipe({.backend = GetParam()}); }
  std::pair<Connection, Connection> one_way() const {
    return Pipe({.duplex = false, .backend = GetParam()});
  }
  const Traits& traits() const { return PipeRegistry::get(GetParam()).traits; }
};
using PipeThreads = PipeEnd;

INSTANTIATE_TEST_SUITE_P(Backends, PipeEnd, testing::ValuesIn(usable_backends<PipeRegistry>()),
                         backend_name);
INSTANTIATE_TEST_SUITE_P(Backends, PipeThreads, testing::ValuesIn(usable_backends<PipeRegistry>()),
                         backend_name);

std::string text(const std::vector<std::byte>& bytes) {
  std::string result;
  for (const std::byte byte : bytes) result += static_cast<char>(byte);
  return result;
}

TEST_P(PipeEnd, ReceivesWhatTheOtherSentAndNeverItsOwn) {
  auto [a, b] = duplex();
  a.send("from a");
  EXPECT_FALSE(a.poll());
  EXPECT_TRUE(b.poll(kHang));
  EXPECT_EQ(b.recv(), "from a");
  b.send("from b");
  EXPECT_FALSE(b.poll());
  EXPECT_EQ(a.recv(), "from b");
}

TEST_P(PipeEnd, CarriesObjectsOfEveryKind) {
  auto [a, b] = duplex();
  const Object objects[] = {Object::list({42, Object(), "hello"}),
                            "范冰冰",
                            Object(),
                            true,
                            -1.5,
                            Object::bytes("\xff\x00"),
                            Object::tuple({1, "a"}),
                            Object::dict({{1, "1"}, {"2", 2}})};
  for (const Object& object : objects) a.send(object);
  for (const Object& object : objects) EXPECT_EQ(repr(b.recv()), repr(object));
}

TEST_P(PipeEnd, CarriesWhatMsgpackCarries) {
  auto [a, b] = duplex();
  a.send(42);
  EXPECT_EQ(b.recv<int>(), 42);
  a.send(42);
  EXPECT_EQ(b.recv().as_integer(), 42);
  a.send(std::string("text"));
  EXPECT_EQ(b.recv<std::string>(), "text");
  const std::map<std::string, std::vector<double>> map = {{"x", {1.5, 2}}, {"y", {}}};
  a.send(map);
  EXPECT_EQ((b.recv<std::map<std::string, std::vector<double>>>()), map);
}

TEST_P(PipeEnd, LosesOnlyTheMessageThatCannotBeDecoded) {
  auto [a, b] = duplex();
  a.send("text");
  a.send_bytes("\xc1");
  a.send(2);
  EXPECT_THROW(b.recv<int>(), DecodeError);
  EXPECT_THROW(b.recv(), DecodeError);
  EXPECT_EQ(b.recv<int>(), 2);
}

TEST_P(PipeEnd, SendsNothingOfWhatCannotBeEncoded) {
  auto [a, b] = duplex();
  EXPECT_THROW(a.send(std::string("\xff")), ValueError);
  EXPECT_FALSE(b.poll());
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
}

TEST_P(PipeEnd, SendsAPartOfTheBytes) {
  auto [a, b] = duplex();
  a.send_bytes("hello");
  a.send_bytes("hello", 1);
  a.send_bytes("hello", 1, 3);
  a.send_bytes("hello", 5);
  a.send_bytes("hello", 2, 0);
  a.send_bytes("");
  for (const char* part : {"hello", "ello", "ell", "", "", ""})
    EXPECT_EQ(text(b.recv_bytes()), part);
}

TEST_P(PipeEnd, RefusesPartsThatAreNotThere) {
  auto [a, b] = duplex();
  EXPECT_THROW(a.send_bytes("hello", -1), ValueError);
  EXPECT_THROW(a.send_bytes("hello", 6), ValueError);
  EXPECT_THROW(a.send_bytes("hello", 0, -1), ValueError);
  EXPECT_THROW(a.send_bytes("hello", 2, 4), ValueError);
  EXPECT_THROW(a.send_bytes("hello", 5, 1), ValueError);
  EXPECT_THROW(a.send_bytes("hello", 1, std::numeric_limits<std::int64_t>::max()), ValueError);
  EXPECT_FALSE(b.poll());
}

TEST_P(PipeEnd, SaysThatAMessageIsTooBigAndSendsNothing) {
  auto [a, b] = duplex();
  const std::size_t size = traits().max_message + 1;
  // Only the length counts: the memory is never touched.
  void* const memory =
      mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_THROW(a.send_bytes(std::span(static_cast<std::byte*>(memory), size)), MessageTooBig);
  munmap(memory, size);
  EXPECT_FALSE(b.poll());
  a.send_bytes("small");
  EXPECT_EQ(text(b.recv_bytes()), "small");
}

TEST_P(PipeEnd, ReceivesUpToMaxlength) {
  auto [a, b] = duplex();
  a.send_bytes("hello");
  a.send_bytes("");
  EXPECT_THROW(b.recv_bytes(-1), ValueError);
  EXPECT_EQ(text(b.recv_bytes(5)), "hello");
  EXPECT_EQ(text(b.recv_bytes(0)), "");
}

TEST_P(PipeEnd, OnlySendsAfterAMessageOverMaxlength) {
  auto [a, b] = duplex();
  a.send_bytes("hello");
  a.send_bytes("more");
  EXPECT_THROW(b.recv_bytes(4), BadMessageLength);
  EXPECT_FALSE(b.closed());
  EXPECT_FALSE(b.readable());
  EXPECT_TRUE(b.writable());
  EXPECT_THROW(b.recv_bytes(), WrongDirection);
  EXPECT_THROW(b.poll(), WrongDirection);
  b.send_bytes("still here");
  EXPECT_EQ(text(a.recv_bytes()), "still here");
}

TEST_P(PipeEnd, IsClosedAfterAMessageOverMaxlengthIfItOnlyReceives) {
  auto [a, b] = one_way();
  b.send_bytes("hello");
  EXPECT_THROW(a.recv_bytes(4), BadMessageLength);
  EXPECT_TRUE(a.closed());
  EXPECT_THROW(a.recv_bytes(), HandleClosed);
  EXPECT_THROW(b.send_bytes("hello"), BrokenPipe);
}

TEST_P(PipeEnd, ReceivesIntoABufferAtAnOffset) {
  auto [a, b] = duplex();
  std::array<std::byte, 6> buffer{};
  a.send_bytes("abc");
  EXPECT_EQ(b.recv_bytes_into(buffer), 3u);
  a.send_bytes("def");
  EXPECT_EQ(b.recv_bytes_into(buffer, 3), 3u);
  a.send_bytes("");
  EXPECT_EQ(b.recv_bytes_into(buffer, 6), 0u);
  EXPECT_EQ(text({buffer.begin(), buffer.end()}), "abcdef");
}

TEST_P(PipeEnd, LeavesABufferThatIsTooShortAlone) {
  auto [a, b] = duplex();
  std::array<std::byte, 4> buffer{};
  a.send_bytes("hello");
  a.send_bytes("next");
  try {
    b.recv_bytes_into(buffer, 1);
    FAIL() << "no BufferTooShort";
  } catch (const BufferTooShort& error) {
    EXPECT_EQ(text(error.message()), "hello");
  }
  EXPECT_EQ(buffer, (std::array<std::byte, 4>{}));
  EXPECT_EQ(b.recv_bytes_into(buffer), 4u);
  EXPECT_EQ(text({buffer.begin(), buffer.end()}), "next");
}

TEST_P(PipeEnd, LooksAtTheOffsetBeforeItReceives) {
  auto [a, b] = duplex();
  std::array<std::byte, 4> buffer{};
  a.send_bytes("x");
  EXPECT_THROW(b.recv_bytes_into(buffer, -1), ValueError);
  EXPECT_THROW(b.recv_bytes_into(buffer, 5), ValueError);
  EXPECT_EQ(b.recv_bytes_into(buffer, 3), 1u);
}

TEST_P(PipeEnd, OfAOneWayPipeKnowsOneDirection) {
  auto [receiver, sender] = one_way();
  EXPECT_TRUE(receiver.readable() && !receiver.writable());
  EXPECT_TRUE(sender.writable() && !sender.readable());
  std::array<std::byte, 8> buffer;
  EXPECT_THROW(receiver.send(1), WrongDirection);
  EXPECT_THROW(receiver.send_bytes("x"), WrongDirection);
  EXPECT_THROW(sender.recv(), WrongDirection);
  EXPECT_THROW(sender.recv_bytes(), WrongDirection);
  EXPECT_THROW(sender.recv_bytes_into(buffer), WrongDirection);
  EXPECT_THROW(sender.poll(), WrongDirection);
  sender.send(1);
  sender.send_bytes("x");
  EXPECT_TRUE(receiver.poll(kHang));
  EXPECT_EQ(receiver.recv<int>(), 1);
  EXPECT_EQ(text(receiver.recv_bytes()), "x");
}

TEST_P(PipeEnd, PollsWithoutConsuming) {
  auto [a, b] = duplex();
  EXPECT_FALSE(b.poll());
  EXPECT_FALSE(b.poll(-1));
  const Deadline due = Deadline::after(std::chrono::milliseconds(10));
  EXPECT_FALSE(b.poll(0.01));
  EXPECT_TRUE(due.passed());
  EXPECT_THROW(b.poll(std::nan("")), ValueError);
  a.send(1);
  a.send(2);
  EXPECT_TRUE(b.poll(std::nullopt));
  EXPECT_TRUE(b.poll());
  EXPECT_EQ(b.recv<int>(), 1);
  EXPECT_TRUE(b.poll());  // however the second one got there
  EXPECT_EQ(b.recv<int>(), 2);
  EXPECT_FALSE(b.poll());
}

TEST_P(PipeEnd, RefusesEverythingAfterClose) {
  auto [a, b] = duplex();
  EXPECT_FALSE(a.closed());
  a.close();
  a.close();
  EXPECT_TRUE(a.closed());
  EXPECT_TRUE(a.readable());
  EXPECT_TRUE(a.writable());
  std::array<std::byte, 8> buffer;
  EXPECT_THROW(a.send(1), HandleClosed);
  EXPECT_THROW(a.send_bytes("x"), HandleClosed);
  EXPECT_THROW(a.recv(), HandleClosed);
  EXPECT_THROW(a.recv_bytes(), HandleClosed);
  EXPECT_THROW(a.recv_bytes_into(buffer), HandleClosed);
  EXPECT_THROW(a.poll(), HandleClosed);
  EXPECT_THROW(a.fileno(), HandleClosed);
}

TEST_P(PipeEnd, ReachesTheEndAfterTheLastMessageAndStaysThere) {
  for (const bool is_duplex : {true, false}) {
    auto [a, b] = is_duplex ? duplex() : one_way();
    b.send(1);
    b.send_bytes("");
    b.close();
    EXPECT_EQ(a.recv<int>(), 1);
    EXPECT_EQ(text(a.recv_bytes()), "");
    std::array<std::byte, 8> buffer;
    EXPECT_TRUE(a.poll());
    EXPECT_THROW(a.recv(), EndOfFile);
    EXPECT_THROW(a.recv_bytes(), EndOfFile);
    EXPECT_THROW(a.recv_bytes_into(buffer), EndOfFile);
    EXPECT_THROW(a.recv(), EndOfFile);
    EXPECT_TRUE(a.poll());
  }
}

TEST_P(PipeEnd, ReachesTheEndAlsoOfAnUnusedPipe) {
  auto [a, b] = duplex();
  b.close();  // never opened
  EXPECT_TRUE(a.poll());
  EXPECT_THROW(a.recv(), EndOfFile);
}

TEST_P(PipeEnd, CannotSendToNobody) {
  for (const bool is_duplex : {true, false}) {
    auto [a, b] = is_duplex ? duplex() : one_way();
    a.close();
    EXPECT_THROW(b.send(1), BrokenPipe);
    EXPECT_THROW(b.send_bytes(""), BrokenPipe);
    EXPECT_THROW(b.send(1), BrokenPipe);
  }
}

TEST_P(PipeEnd, IsClosedByItsDestructorAndByAssignment) {
  auto [a, b] = duplex();
  auto [c, d] = duplex();
  c.send(3);
  b = std::move(d);  // closes what b was
  EXPECT_THROW(a.recv(), EndOfFile);
  EXPECT_EQ(b.recv<int>(), 3);
  EXPECT_THROW(d.recv(), HandleClosed);  // NOLINT(bugprone-use-after-move): moved from is closed
  { const Connection gone = std::move(b); }
  EXPECT_THROW(c.recv(), EndOfFile);
}

TEST_P(PipeEnd, HasADescriptorWhereTheBackendHasOne) {
  auto [a, b] = duplex();
  if (traits().waitable == ipc::Waitable::descriptor) {
    EXPECT_GE(a.fileno(), 0);
  } else {
    EXPECT_THROW(a.fileno(), Error);
  }
}

TEST_P(PipeThreads, SendLargeObjectsBothWaysAtOnce) {
  auto [a, b] = duplex();
  const std::string large(large_object(traits(), 16 << 20), 'x');
  std::thread other([&end = b, &large] {
    std::thread sender([&] { end.send(large); });  // opens the end at the same time as its receiver
    EXPECT_EQ(end.recv<std::string>(), large);
    sender.join();
  });
  std::thread sender([&end = a, &large] { end.send(large); });
  EXPECT_EQ(a.recv<std::string>(), large);
  sender.join();
  other.join();
}

TEST_P(PipeThreads, ReceiveInOrderWhatDoesNotFitAtOnce) {
  auto [receiver, sender] = one_way();
  constexpr int kMessages = 20000;
  std::thread other([&end = sender] {
    for (int i = 0; i < kMessages; ++i) end.send(i);
    end.close();
  });
  std::vector<int> expected(kMessages);
  std::iota(expected.begin(), expected.end(), 0);
  std::vector<int> received;
  EXPECT_THROW(for (;;) received.push_back(receiver.recv<int>()), EndOfFile);
  EXPECT_EQ(received, expected);
  other.join();
}

TEST(DefaultPipe, SurvivesEveryKill) {
  const Traits& traits = PipeRegistry::get(PipeSpec().backend).traits;
  EXPECT_TRUE(traits.survives_kill && traits.passes_on && traits.available() == std::nullopt);
  EXPECT_GT(traits.max_message, 1u << 30);
  EXPECT_FALSE(Pipe(false).first.writable());
  EXPECT_TRUE(Pipe(true).first.writable());
}

TEST(PipeBackends, AreChosenByNameAmongThoseThatCarrySomething) {
  try {
    Pipe({.backend = "carrier_pigeon"});
    FAIL() << "a pigeon";
  } catch (const ValueError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("carrier_pigeon"));
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("os_pipe"), testing::HasSubstr("unix_stream")));
  }
  EXPECT_THROW(Pipe({.backend = "null"}), ValueError);
}

}  // namespace
}  // namespace ipc
