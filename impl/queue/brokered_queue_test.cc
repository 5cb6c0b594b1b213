// SPDX-License-Identifier: MIT
// What the users of a queue notice when its helper, a broker, is killed. Every case forks.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "impl/driver/link_test.h"
#include "impl/queue/backend.h"

namespace ipc {
namespace {

constexpr std::uint32_t kItems = 4;
constexpr std::size_t kBytes = 64;
constexpr std::chrono::milliseconds kShort{20};
constexpr std::chrono::milliseconds kAWhile{1000};  // who still waits then, waits for ever

std::vector<std::string> queues_with_helpers() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : QueueRegistry::entries()) {
    if (!entry.traits.available() && entry.make({})->has_helper()) names.push_back(name);
  }
  return names;
}

class HelperOfProcesses : public testing::TestWithParam<std::string> {
 protected:
  // A queue whose helper is killed when it has all that was sent; both below watched().
  struct Bereft {
    explicit Bereft(const std::string& name, std::uint64_t items)
        : queue(QueueRegistry::get(name).make({.max_items = kItems, .message_bytes = kBytes})) {
      Peer helper(Peers::processes, [this] { queue->serve(); });
      Peer sender(Peers::processes, [this, items] {
        const auto out = queue->open();
        for (std::uint64_t i = 0; i < items; ++i) send_numbered(*out, kBytes, i);
        expect_status(out->flush(Deadline::after(patience)), Status::ok, "flush");
      });
      sender.finish();
      helper.kill();
    }

    // A call of a user of its own, which must still wait after a while.
    void expect_for_ever(const char* what, const std::function<void(AnyEndpoint&)>& call) {
      Signal begun;
      Signal ended;
      Peer user(Peers::processes, [&] {
        const auto end = queue->open();
        begun.raise();
        call(*end);
        ended.raise();
        end->abandon_unsent();
      });
      begun.wait();
      const bool is_there = !user.wait(Deadline::after(kAWhile));
      expect(is_there && ended.raised() == 0, what, " comes to an end without the helper");
      user.kill();
    }

    const std::unique_ptr<AnyQueue> queue;
  };

  static void expect_holds(const std::function<void()>& body) {
    if (const Verdict wrong = watched(Peers::processes, kCheckLimit, body)) ADD_FAILURE() << *wrong;
  }
};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HelperOfProcesses);
INSTANTIATE_TEST_SUITE_P(Backends, HelperOfProcesses, testing::ValuesIn(queues_with_helpers()),
                         [](const auto& one) { return one.param; });

TEST_P(HelperOfProcesses, IsMissedByThoseWhoSend) {
  expect_holds([] {
    Bereft bereft(GetParam(), 0);
    const auto end = bereft.queue->open();
    for (std::uint64_t i = 0; i < kItems; ++i) send_numbered(*end, kBytes, i);
    Buffer message;
    fill(message, kBytes, kItems);
    expect_status(end->send_until(message.bytes(), Deadline::after(kShort)), Status::timed_out,
                  "send without the helper");
    expect_status(end->flush(Deadline::after(kShort)), Status::timed_out, "flush");
    end->abandon_unsent();
    bereft.expect_for_ever("send", [&](AnyEndpoint& user) { user.send(message.bytes()); });
  });
}

TEST_P(HelperOfProcesses, IsMissedByThoseWhoReceive) {
  expect_holds([] {
    Bereft bereft(GetParam(), 0);
    const auto end = bereft.queue->open();
    Buffer message;
    expect_status(end->receive_until(message, Deadline::after(kShort)), Status::timed_out,
                  "receive without the helper");
    bereft.expect_for_ever("receive", [&](AnyEndpoint& user) { user.receive(message); });
  });
}

// They are counted, and whoever claims one waits for it.
TEST_P(HelperOfProcesses, TakesItsItemsAlong) {
  expect_holds([] {
    Bereft bereft(GetParam(), 1);
    Buffer message;
    bereft.expect_for_ever("receive with a deadline", [&](AnyEndpoint& user) {
      user.receive_until(message, Deadline::after(kShort));
    });
  });
}

}  // namespace
}  // namespace ipc
