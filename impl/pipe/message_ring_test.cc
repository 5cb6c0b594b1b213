// SPDX-License-Identifier: MIT
// The ring of shm_ring in states that only a kill leaves, or somebody who has gone mad: written
// here as the one who was killed would have, word by word.
#include "impl/pipe/message_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace ipc::ring {
namespace {

using testing::ElementsAre;

class WrittenRing : public testing::Test {
 protected:
  // A message whose header is not to be seen yet. Returns where the next one stands.
  std::uint64_t put(std::uint64_t place, std::string_view text) {
    const std::uint64_t next = following(place, text.size());
    way_.header(next).store(0);
    std::memcpy(way_.at(place) + kHeader, text.data(), text.size());
    return next;
  }
  void show(std::uint64_t place, std::string_view text) {
    way_.header(place).store(Header{text.size(), text.size(), true}.word());
  }

  // What comes when one sends this who has the side of the one that was killed.
  std::vector<std::string> received_after(std::string_view text) {
    Sender<WaitClass::block> heir(way_, sending_);
    EXPECT_EQ(heir.send(std::as_bytes(std::span(text)), Deadline::now()), Status::ok);
    EXPECT_EQ(way_.state->begun, way_.state->sent) << "nothing is under way";
    std::vector<std::string> messages;
    Buffer message;
    Status status;
    while ((status = in_.receive(message, Deadline::now())) == Status::ok) {
      messages.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
    }
    EXPECT_EQ(status, Status::timed_out);
    return messages;
  }

  Way way_{4096};
  LifetimeToken token_;
  const Side receiving_{0, token_.take(0), way_.state->cpus};
  const Side sending_{1, token_.take(1), way_.state->cpus};
  Receiver<WaitClass::block> in_{way_, receiving_};
};

TEST_F(WrittenRing, KeepsNothingOfAMessageThatWasNotShown) {
  way_.state->begun = put(0, "killed");
  EXPECT_THAT(received_after("heir"), ElementsAre("heir"));
}

TEST_F(WrittenRing, KeepsAMessageThatWasShownAndNotCounted) {
  way_.state->begun = put(0, "killed");
  show(0, "killed");
  EXPECT_THAT(received_after("heir"), ElementsAre("killed", "heir"));
}

TEST_F(WrittenRing, KeepsABatchThatWasShownAndNotCounted) {
  const std::uint64_t second = put(0, "one");
  const std::uint64_t third = put(second, "two");
  const std::uint64_t end = put(third, "three");
  show(third, "three");
  show(second, "two");
  way_.state->begun = end;
  show(0, "one");
  EXPECT_THAT(received_after("heir"), ElementsAre("one", "two", "three", "heir"));
}

TEST_F(WrittenRing, KeepsNothingOfABatchWhoseFirstWasNotShown) {
  const std::uint64_t second = put(0, "one");
  put(second, "two");
  show(second, "two");
  EXPECT_THAT(received_after("heir"), ElementsAre("heir"));
}

TEST_F(WrittenRing, SurvivesAKillOfTheHeirAsWell) {
  const std::uint64_t next = put(0, "first");
  show(0, "first");
  way_.state->begun = put(next, "second");
  show(next, "second");
  EXPECT_THAT(received_after("third"), ElementsAre("first", "second", "third"));
}

TEST_F(WrittenRing, TakesNoMemoryForALengthThatNoSenderWrites) {
  constexpr std::uint64_t kHuge = kMaxFrame;
  for (const std::uint64_t piece : {std::uint64_t{0}, std::uint64_t{1}, way_.capacity / 2, kHuge}) {
    way_.header(0).store(Header{piece, kHuge, true}.word());
    Buffer message;
    EXPECT_EQ(in_.receive(message, Deadline::now()), Status::corrupt) << piece;
    EXPECT_EQ(message.capacity(), 0u) << piece;
  }
}

TEST_F(WrittenRing, IsCorruptWhenAMessageEndsInTheMiddle) {
  const std::uint64_t piece = way_.capacity / 4;
  const std::uint64_t next = following(0, piece);
  way_.header(0).store(Header{piece, 3 * piece, true}.word());
  way_.header(next).store(Header{8, 8, true}.word());
  Buffer message;
  EXPECT_EQ(in_.receive(message, Deadline::now()), Status::corrupt);
}

}  // namespace
}  // namespace ipc::ring
