// SPDX-License-Identifier: MIT
// Longer than most: one check after another, each used only in the list at the end.
#include "impl/pipe/contract_test.h"

#include <signal.h>

#include <array>
#include <random>

#include "impl/driver/end_checks_test.h"
#include "impl/driver/handover_checks_test.h"
#include "impl/driver/link_checks_test.h"
#include "impl/driver/payload.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;
using End = std::unique_ptr<AnyEndpoint>;

constexpr std::chrono::milliseconds kShort{20};

// Side 1 sends to side 0, as a one-way pipe does.
class PipeLink final : public Link {
 public:
  explicit PipeLink(std::unique_ptr<AnyPipe> pipe) : pipe_(std::move(pipe)) {}
  std::unique_ptr<AnyEndpoint> open_sender() override { return pipe_->open(1); }
  std::unique_ptr<AnyEndpoint> open_receiver() override { return pipe_->open(0); }
  void drop_sender() override { pipe_->drop(1); }
  void drop_receiver() override { pipe_->drop(0); }
  std::size_t capacity_bytes() const override { return pipe_->capacity_bytes(); }

 private:
  std::unique_ptr<AnyPipe> pipe_;
};

Subject subject_of(const PipeEntry& entry, Peers peers, bool duplex = true) {
  const auto make = [&entry, duplex](const LinkOptions& options) -> std::unique_ptr<Link> {
    return std::make_unique<PipeLink>(
        entry.make({.duplex = duplex, .message_bytes = options.message_bytes}));
  };
  return {entry.traits, peers, make, Status::closed};
}

template <void (*check)(const Subject&)>
void on_pipe(const PipeEntry& entry, Peers peers) {
  check(subject_of(entry, peers));
}

// Fails unless every kind of receive says closed, now and for ever. `unread`: the other side went
// with messages of ours unread, so the first may say peer_died.
void expect_end_of_file(AnyEndpoint& end, bool unread = false) {
  Buffer message;
  if (unread) {
    const Status first = end.receive_until(message, Deadline::after(patience));
    if (first != Status::peer_died) expect_status(first, Status::closed, "receive at the end");
  }
  for (int again = 0; again < 3; ++again) {
    expect_status(end.receive(message), Status::closed, "receive at the end");
    for (const Deadline deadline :
         {Deadline::now(), Deadline::after(patience), Deadline::never()}) {
      expect_status(end.ready(deadline), Status::ok, "ready at the end");
      expect_status(end.receive_until(message, deadline), Status::closed, "receive at the end");
    }
  }
}

// Fails unless every kind of send says closed, but for the first where `unread` as above.
void expect_nobody_receives(AnyEndpoint& end, bool unread = false) {
  Buffer message;
  fill(message, 64, 0);
  if (unread) {
    const Status first = end.send(message.bytes());
    if (first != Status::peer_died)
      expect_status(first, Status::closed, "send to a side that is gone");
  }
  for (int again = 0; again < 3; ++again) {
    expect_status(end.send(message.bytes()), Status::closed, "send to a side that is gone");
    for (const Deadline deadline : {Deadline::now(), Deadline::after(patience)}) {
      expect_status(end.send_until(message.bytes(), deadline), Status::closed,
                    "send to a side that is gone");
    }
  }
}

void check_end_of_file(const PipeEntry& entry, Peers peers) {
  for (const std::uint64_t messages : {0u, 1u, 8u}) {
    Signal closed;
    Linked link(subject_of(entry, peers), {}, Role::receiver, [&](End out) {
      for (std::uint64_t i = 0; i < messages; ++i) send_numbered(*out, 64, i);
      out.reset();
      closed.raise();
    });
    closed.wait();
    for (std::uint64_t i = 0; i < messages; ++i) receive_numbered(link.here(), 64, i);
    link.finish();  // a process holds its side until it ends, whatever the backend
    expect_end_of_file(link.here());
  }
}

void check_end_wakes_receiver(const PipeEntry& entry, Peers peers) {
  for (const Calls calls : kBothCalls) {
    Linked link(subject_of(entry, peers), {}, Role::receiver, [](End out) {
      nap(kShort);
      out.reset();
    });
    Buffer message;
    expect_status(receive(link.here(), message, calls), Status::closed,
                  "receive that waits when the sender goes");
    link.finish();
  }
}

void check_end_wakes_sender(const PipeEntry& entry, Peers peers) {
  for (const Calls calls : kBothCalls) {
    Signal full;
    Linked link(subject_of(entry, peers), {.message_bytes = 1024}, Role::sender, [&](End in) {
      full.wait();
      nap(kShort);
      in.reset();
    });
    Buffer message;
    fill(message, 1024, 0);
    while (link.here().send_until(message.bytes(), Deadline::after(5ms)) == Status::ok) {
    }
    full.raise();
    Status status;
    do {
      status = send(link.here(), message.bytes(), calls);
    } while (status == Status::ok);
    if (status != Status::peer_died) {
      expect_status(status, Status::closed, "send that waits when the receiver goes");
    }
    link.finish();
  }
}

void check_gone_side(const PipeEntry& entry, Peers peers) {
  Linked link(subject_of(entry, peers), {}, Role::sender, [](End in) {
    send_numbered(*in, 64, 0);
    receive_numbered(*in, 64, 0);
  });
  send_numbered(link.here(), 64, 0);
  link.finish();
  expect_nobody_receives(link.here());
  receive_numbered(link.here(), 64, 0);  // what it had sent is still there
  expect_end_of_file(link.here());
}

void check_gone_with_messages_unread(const PipeEntry& entry, Peers peers) {
  for (const bool receive_first : {true, false}) {
    Signal sent;
    Linked link(subject_of(entry, peers), {}, Role::receiver, [&](End other) {
      for (std::uint64_t i = 0; i < 5; ++i) send_numbered(*other, 64, i);
      sent.wait();
    });
    for (std::uint64_t i = 0; i < 5; ++i) send_numbered(link.here(), 64, i);
    sent.raise();
    link.finish();
    if (!receive_first) expect_nobody_receives(link.here(), true);
    for (std::uint64_t i = 0; i < 5; ++i) receive_numbered(link.here(), 64, i);
    expect_end_of_file(link.here(), true);
    expect_nobody_receives(link.here(), true);
  }
}

// A third process that holds both sides, opened or not, until it is told to go.
void check_every_copy_counts(const PipeEntry& entry, Peers) {
  for (const bool opened : {false, true}) {
    for (const int held : {0, 1}) {
      Signal ready;
      Signal go;
      const std::unique_ptr<AnyPipe> pipe = entry.make({});
      Peer holder(Peers::processes, [&] {
        pipe->drop(1 - held);
        const End end = opened ? pipe->open(held) : nullptr;
        ready.raise();
        go.wait();
      });
      Peer user(Peers::processes, [&] {
        pipe->drop(1 - held);
        send_numbered(*pipe->open(held), 64, 0);
      });
      pipe->drop(held);
      const End end = pipe->open(1 - held);
      ready.wait();
      user.finish();
      receive_numbered(*end, 64, 0);
      Buffer message;
      expect_status(end->receive_until(message, Deadline::after(kShort)), Status::timed_out,
                    "receive while one process still holds the other side");
      send_numbered(*end, 64, 0);
      go.raise();
      holder.finish();
      expect_end_of_file(*end, true);
      expect_nobody_receives(*end, true);
    }
  }
}

void check_one_way(const PipeEntry& entry, Peers peers) {
  const Subject subject = subject_of(entry, peers, false);
  check_order(subject);
  check_full(subject);
  Linked receiving(subject, {}, Role::receiver, [](End out) { send_numbered(*out, 64, 0); });
  receive_numbered(receiving.here(), 64, 0);
  receiving.finish();
  expect_end_of_file(receiving.here());
  Linked sending(subject, {}, Role::sender, [](End in) { receive_numbered(*in, 64, 0); });
  send_numbered(sending.here(), 64, 0);
  sending.finish();
  expect_nobody_receives(sending.here());
}

// Sends from a thread while it receives: both ways are full at times.
void cross(AnyEndpoint& end, std::size_t size) {
  constexpr std::uint64_t kMessages = 200;
  Peer sender(Peers::threads, [&end, size] {
    for (std::uint64_t i = 0; i < kMessages; ++i) send_numbered(end, size, i, Calls::plain);
  });
  for (std::uint64_t i = 0; i < kMessages; ++i) receive_numbered(end, size, i, Calls::plain);
  sender.finish();
}

void check_both_ways(const PipeEntry& entry, Peers peers) {
  const std::size_t size = std::min<std::size_t>(entry.traits.max_message, 100'000);
  Linked link(subject_of(entry, peers), {.message_bytes = size}, Role::receiver,
              [size](End other) { cross(*other, size); });
  cross(link.here(), size);
  link.finish();
}

void check_ping_pong(const PipeEntry& entry, Peers peers) {
  const LoopPlan plan{.bytes = 64, .messages = 1000};
  Linked link(subject_of(entry, peers), {.message_bytes = plan.bytes}, Role::receiver,
              [&](End other) {
                SequenceCheck check;
                const LoopResult answered = other->pong(*other, plan, check);
                expect(answered.fault == Fault::none && answered.messages == plan.messages,
                       "pong ended with fault ", static_cast<int>(answered.fault), ", ",
                       to_string(answered.status));
              });
  SequenceCheck check;
  const auto times = std::make_unique<Histogram>();
  const LoopResult asked = link.here().ping(link.here(), plan, check, *times);
  expect(asked.fault == Fault::none && asked.messages == plan.messages, "ping ended with fault ",
         static_cast<int>(asked.fault), ", ", to_string(asked.status));
  expect(times->total() == plan.messages, "ping has timed ", times->total(), " round trips");
  link.finish();
}

// The receiver's process does not run while the other one sends its last messages and ends: they
// are safe before it has.
void check_sender_ends_meanwhile(const PipeEntry& entry, Peers) {
  constexpr std::uint64_t kMessages = 5;
  Signal listens;
  const std::unique_ptr<AnyPipe> pipe = entry.make({});
  Peer receiver(Peers::processes, [&] {
    pipe->drop(1);
    const End in = pipe->open(0);
    listens.raise();
    for (std::uint64_t i = 0; i < kMessages; ++i) receive_numbered(*in, 64, i);
    expect_end_of_file(*in);
  });
  listens.wait();
  receiver.signal(SIGSTOP);
  Peer sender(Peers::processes, [&] {
    pipe->drop(0);
    const End out = pipe->open(1);
    for (std::uint64_t i = 0; i < kMessages; ++i) send_numbered(*out, 64, i);
  });
  pipe->drop(0);
  pipe->drop(1);
  nap(700ms);  // who does not wait for the receiver is gone by now
  receiver.signal(SIGCONT);
  sender.finish();
  receiver.finish();
}

void check_killed_receiver(const PipeEntry& entry, Peers peers) {
  Signal waiting;
  Linked link(subject_of(entry, peers), {}, Role::sender, [&](End in) {
    receive_numbered(*in, 64, 0);
    waiting.raise();
    Buffer message;
    static_cast<void>(in->receive(message));
  });
  send_numbered(link.here(), 64, 0);
  waiting.wait();
  nap(kShort);
  link.peer().kill();
  expect_nobody_receives(link.here());
  expect_end_of_file(link.here());
}

// Whatever it is doing when it is killed: the messages that came are whole and in order, all whose
// send said ok unless a loss is stated, which is then seen, and then it ends.
void check_killed_at_any_time(const PipeEntry& entry, Peers peers) {
  const bool may_lose = entry.traits.killed.inside == AfterKill::loss;
  std::uint64_t lost = 0;
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 25; ++round) {
    const std::size_t size =
        std::min<std::size_t>(entry.traits.max_message, round % 2 == 0 ? 64 : 100'000);
    Signal begun;
    Signal sent;
    Linked link(subject_of(entry, peers), {.message_bytes = size}, Role::receiver,
                [&](End other) { be_victim(*other, Victim::sending, size, begun, &sent); });
    if (round % 2 == 0) sent.wait();  // in the others it may not even have begun
    const Deadline until = Deadline::after(std::chrono::microseconds(random() % 3000));
    const bool reading = round % 3 != 0;
    std::uint64_t next = 0;
    while (reading && !until.passed()) receive_numbered(link.here(), size, next++);
    while (!until.passed()) nap(100us);
    link.peer().kill();
    Buffer message;
    Status status;
    while ((status = receive(link.here(), message, Calls::timed)) == Status::ok) {
      expect_numbered(message, size, next++);
    }
    expect(status == Status::closed || status == Status::corrupt,
           "receive from a killed sender: ", to_string(status));
    lost += sent.raised() - std::min<std::uint64_t>(next, sent.raised());
    expect(lost == 0 || may_lose, "of the messages of a killed sender ", lost, " are lost");
    expect_nobody_receives(link.here());
  }
  expect(lost != 0 || !may_lose, "no message of a killed sender is lost, as its traits say");
}

// Whatever a receiver is doing when it is killed, a sender that goes on is told, and does not hang.
void check_receiver_killed_at_any_time(const PipeEntry& entry, Peers peers) {
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 25; ++round) {
    const std::size_t size =
        std::min<std::size_t>(entry.traits.max_message, round % 2 == 0 ? 64 : 100'000);
    Signal begun;
    Linked link(subject_of(entry, peers), {.message_bytes = size}, Role::sender, [&](End other) {
      begun.raise();
      for (std::uint64_t next = 0;; ++next) {
        receive_numbered(*other, size, next, Calls::plain);
      }
    });
    if (round % 3 != 0) begun.wait();  // in the others it may not even have begun
    const Deadline until = Deadline::after(std::chrono::microseconds(random() % 3000));
    Buffer message;
    for (std::uint64_t next = 0; !until.passed();) {
      fill(message, size, next);
      const Status status = link.here().send_until(message.bytes(), until);
      if (status == Status::timed_out) continue;
      expect_status(status, Status::ok, "send of message ", next++);
    }
    link.peer().kill();
    expect_nobody_receives(link.here(), true);
  }
}

// What is left at the other side: messages whole and in order, all whose send said ok or not, then
// something.
void check_killed_as_stated(const PipeEntry& entry, Peers peers) {
  expect_as_stated(entry.traits, [&](Victim state, Signal& step) {
    const std::size_t size = state == Victim::sending
                                 ? std::min<std::size_t>(entry.traits.max_message, kVictimBytes)
                                 : 64;
    Signal about_to_be;
    Signal sent;
    Linked link(subject_of(entry, peers), {.message_bytes = size}, Role::receiver,
                [&](End other) { be_victim(*other, state, size, about_to_be, &sent); });
    about_to_be.wait();
    settle(link.peer());
    link.peer().kill();
    Buffer message;
    Status status;
    std::uint64_t next = 0;
    do {
      step.raise();
      status = link.here().receive_until(message, Deadline::after(kNoNews));
      if (status == Status::ok) expect_numbered(message, size, next++);
    } while (status == Status::ok);
    if (status == Status::timed_out) return AfterKill::time_out;
    if (next < sent.raised()) return AfterKill::loss;
    if (status != Status::closed) return AfterKill::error;
    step.raise();
    expect_nobody_receives(link.here());
    return AfterKill::end_of_file;
  });
}

void check_killed_inside_a_call(const PipeEntry& entry, Peers peers) {
  const auto before = [](AnyEndpoint& here, Role victim) {
    if (victim == Role::receiver) send_numbered(here, kHeldUpBytes, 0);
    return Status::ok;
  };
  const auto after = [](AnyEndpoint& here, Role victim) {
    Buffer message;
    fill(message, kHeldUpBytes, 0);
    Status status;
    do {
      const Deadline deadline = Deadline::after(kNoNews);
      status = victim == Role::sender ? here.receive_until(message, deadline)
                                      : here.send_until(message.bytes(), deadline);
    } while (status == Status::ok);
    return status;
  };
  expect_others_held_up(subject_of(entry, peers), {before, after});
}

}  // namespace

const std::vector<Check<PipeEntry>>& pipe_checks() {
  static const std::vector<Check<PipeEntry>> checks = {
      {"MessagesArriveInOrder", on_pipe<check_order>},
      {"MessagesKeepTheirBoundaries", on_pipe<check_boundaries>},
      {"EmptyMessagesArrive", on_pipe<check_empty_messages>},
      {"LargestMessageArrives", on_pipe<check_largest_message>},
      {"TooBigMessageIsRefused", on_pipe<check_too_big>},
      {"FullPipeStopsTheSender", on_pipe<check_full>},
      {"DeadlinesAreKept", on_pipe<check_deadlines>},
      {"ShortDeadlinesLoseNothing", on_pipe<check_short_deadlines>},
      {"SignalsDisturbNobody", on_pipe<check_signals>, nullptr, false},
      {"ReadyTellsWhetherAMessageIsThere", on_pipe<check_ready>},
      {"DescriptorAnnouncesMessages", on_pipe<check_wait_fd>, needs_descriptor},
      {"EndOfFileFollowsTheLastMessage", check_end_of_file},
      {"EndOfFileWakesAReceiver", check_end_wakes_receiver},
      {"EndOfFileWaitsForEveryCopy", check_every_copy_counts, nullptr, false},
      {"SendToAGoneSideSaysClosed", check_gone_side},
      {"GoneReceiverWakesASender", check_end_wakes_sender},
      {"GoneSideMayLeaveMessagesUnread", check_gone_with_messages_unread},
      {"OneWayPipeIsAPipe", check_one_way},
      {"LargeStreamsCrossBothWays", check_both_ways},
      {"StreamLoopsEndWithoutFault", on_pipe<check_stream_loops>, nullptr, true, false},
      {"CarriagesEndWithoutFault", on_pipe<check_carriages>},
      {"BatchesArriveAsSent", on_pipe<check_batches>, nullptr, true, true, &Traits::batches},
      {"MessagesInPlaceArriveAsBuilt", on_pipe<check_in_place>, nullptr, true, true,
       &Traits::in_place},
      {"PingPongEndsWithoutFault", check_ping_pong, nullptr, true, false},
      {"StoppedSenderOnlyDelays", on_pipe<check_stopped_sender>, nullptr, false},
      {"StoppedReceiverOnlyDelays", on_pipe<check_stopped_receiver>, nullptr, false},
      {"SenderMayEndWhileTheReceiverIsStopped", check_sender_ends_meanwhile, nullptr, false},
      {"KilledSenderLeavesItsMessages", on_pipe<check_killed_sender>, needs_survival, false},
      {"KilledReceiverIsGone", check_killed_receiver, needs_survival, false},
      {"KillAtAnyTimeHangsNobody", check_killed_at_any_time, needs_survival, false},
      {"ReceiverKilledAtAnyTimeIsGone", check_receiver_killed_at_any_time, needs_survival, false},
      {"KillIsNoticedAsTheTraitsSay", check_killed_as_stated, needs_unsanitized, false},
      {"KillInsideACallHoldsOthersUp", check_killed_inside_a_call, needs_hang, false},
      {"NothingIsLeftBehind", on_pipe<check_nothing_left>},
      {"EndpointsLetGoOfWhatTheyOpened", on_pipe<check_endpoints_let_go>, needs_letting_go},
      {"NothingIsLeftBehindByAKill", on_pipe<check_nothing_left_by_kill>, nullptr, false},
  };
  return checks;
}

}  // namespace ipc
