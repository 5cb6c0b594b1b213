// SPDX-License-Identifier: MIT
// Longer than most: one check after another, each used only in the list at the end.
#include "impl/queue/contract_test.h"

#include <algorithm>
#include <random>

#include "impl/driver/end_checks_test.h"
#include "impl/driver/handover_checks_test.h"
#include "impl/driver/link_checks_test.h"
#include "impl/driver/payload.h"
#include "impl/queue/served_queue.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;
using End = std::unique_ptr<AnyEndpoint>;

constexpr std::chrono::milliseconds kShort{20};
constexpr std::size_t kBytes = 64;

std::unique_ptr<AnyQueue> make(const QueueEntry& entry, const QueueOptions& options) {
  return served(entry.make(options));
}

class QueueLink final : public Link {
 public:
  explicit QueueLink(std::unique_ptr<AnyQueue> queue) : queue_(std::move(queue)) {}
  std::unique_ptr<AnyEndpoint> open_sender() override { return queue_->open(); }
  std::unique_ptr<AnyEndpoint> open_receiver() override { return queue_->open(); }
  void drop_sender() override {}
  void drop_receiver() override {}
  std::size_t capacity_bytes() const override { return queue_->capacity_bytes(); }

 private:
  std::unique_ptr<AnyQueue> queue_;
};

Subject subject_of(const QueueEntry& entry, Peers peers) {
  const auto make_link = [&entry](const LinkOptions& options) -> std::unique_ptr<Link> {
    return std::make_unique<QueueLink>(
        make(entry, {.max_items = options.max_items, .message_bytes = options.message_bytes}));
  };
  const bool counts = entry.traits.capacity == CapacityUnit::items;
  return {entry.traits, peers, make_link, Status::timed_out, counts ? 8u : 0u};
}

template <void (*check)(const Subject&)>
void on_queue(const QueueEntry& entry, Peers peers) {
  check(subject_of(entry, peers));
}

// A peer with an endpoint of its own.
Peer user_of(AnyQueue& queue, Peers peers, const std::function<void(AnyEndpoint&)>& body) {
  if (peers == Peers::processes) return Peer(peers, [&] { body(*queue.open()); });
  return Peer(peers, [end = std::shared_ptr<AnyEndpoint>(queue.open()), body] { body(*end); });
}

void produce(AnyEndpoint& end, std::uint32_t producer, std::uint32_t messages) {
  for (std::uint64_t i = 0; i < messages; ++i)
    send_numbered(end, kBytes, i, Calls::plain, producer);
}

// Takes what it gets until all consumers together have all, or nothing has come for long.
void consume(AnyEndpoint& end, Tally& tally, bool ordered) {
  Arrivals arrivals(tally, ordered);
  Buffer message;
  Deadline silence = Deadline::after(patience);
  while (tally.arrived() < tally.total() && !silence.passed()) {
    const Status status = end.receive_until(message, Deadline::after(kShort));
    if (status == Status::timed_out) continue;
    expect_status(status, Status::ok, "receive of one of several consumers");
    arrivals.see(tag_of(message, kBytes));
    silence = Deadline::after(patience);
  }
}

template <int producers, int consumers>
std::optional<std::string> needs(const Traits& traits) {
  if (traits.producers < producers)
    return "it is for " + std::to_string(traits.producers) + " producers";
  if (traits.consumers < consumers)
    return "it is for " + std::to_string(traits.consumers) + " consumers";
  return std::nullopt;
}

template <int producers, int consumers>
std::optional<std::string> needs_survivors(const Traits& traits) {
  const auto reason = needs_survival(traits);
  return reason ? reason : needs<producers, consumers>(traits);
}

template <int producers, int consumers>
void check_crowd(const QueueEntry& entry, Peers peers) {
  constexpr std::uint32_t kEach = 1500;
  for (const std::uint32_t max_items : {0u, 16u}) {
    Tally tally(producers, kEach);
    const auto queue = make(entry, {.max_items = max_items, .message_bytes = kBytes});
    std::vector<Peer> crowd;
    for (int i = 0; i < consumers; ++i) {
      crowd.push_back(user_of(*queue, peers, [&tally, &entry](AnyEndpoint& end) {
        consume(end, tally, entry.traits.ordered);
      }));
    }
    for (std::uint32_t i = 0; i < producers; ++i) {
      crowd.push_back(user_of(*queue, peers, [i](AnyEndpoint& end) { produce(end, i, kEach); }));
    }
    for (Peer& peer : crowd) peer.finish();
    tally.expect_all();
  }
}

// Two peers, in each two threads that send and two that receive over one endpoint.
void check_shared_endpoint(const QueueEntry& entry, Peers peers) {
  constexpr std::uint32_t kEach = 1000;
  Tally tally(4, kEach);
  const auto queue = make(entry, {.message_bytes = kBytes});
  std::vector<Peer> both;
  for (std::uint32_t i = 0; i < 2; ++i) {
    both.push_back(user_of(*queue, peers, [&, i](AnyEndpoint& end) {
      std::vector<Peer> threads;
      for (std::uint32_t k = 0; k < 2; ++k) {
        threads.emplace_back(Peers::threads, [&] { consume(end, tally, entry.traits.ordered); });
        threads.emplace_back(Peers::threads, [&, k] { produce(end, 2 * i + k, kEach); });
      }
      for (Peer& thread : threads) thread.finish();
    }));
  }
  for (Peer& peer : both) peer.finish();
  tally.expect_all();
}

void check_no_end(const QueueEntry& entry, Peers peers) {
  constexpr std::uint32_t kMessages = 8;
  const auto queue = make(entry, {.message_bytes = kBytes});
  const int rounds = needs<2, 2>(entry.traits) ? 1 : 2;
  for (int round = 0; round < rounds; ++round) {
    user_of(*queue, peers, [](AnyEndpoint& end) { produce(end, 0, kMessages); }).finish();
    user_of(*queue, peers, [](AnyEndpoint& end) {
      for (std::uint64_t i = 0; i < kMessages; ++i) receive_numbered(end, kBytes, i);
      Buffer message;
      for (const Deadline deadline : {Deadline::now(), Deadline::after(kShort)}) {
        expect_status(end.receive_until(message, deadline), Status::timed_out,
                      "receive after the last message of a producer that is gone");
      }
    }).finish();
  }
}

std::optional<std::string> needs_items(const Traits& traits) {
  if (traits.capacity == CapacityUnit::items) return std::nullopt;
  return "its capacity is not counted in items";
}

void check_size(const QueueEntry& entry, Peers peers) {
  const auto queue = make(entry, {.max_items = 5, .message_bytes = kBytes});
  const auto expect_size = [&](std::uint32_t items) {
    expect(queue->size() == items, "size() is ", queue->size().value_or(0), " instead of ", items);
  };
  expect_size(0);
  Signal look;
  Signal go_on;
  Peer sender = user_of(*queue, peers, [&](AnyEndpoint& end) {
    for (std::uint32_t i = 0; i < 5; ++i) {
      send_numbered(end, kBytes, i);
      look.raise();
      go_on.wait(i + 1);
    }
  });
  for (std::uint32_t i = 0; i < 5; ++i) {
    look.wait(i + 1);
    expect_size(i + 1);
    go_on.raise();
  }
  const End end = queue->open();
  for (std::uint32_t i = 0; i < 5; ++i) {
    receive_numbered(*end, kBytes, i);
    expect_size(4 - i);
  }
  sender.finish();
}

// As much as goes in without waiting is sent, and given up.
void check_abandon(const QueueEntry& entry, Peers peers) {
  constexpr std::size_t kSize = 1024;
  const auto queue = make(entry, {.message_bytes = kSize});
  user_of(*queue, peers, [](AnyEndpoint& end) {
    Buffer message;
    Status status = Status::ok;
    for (std::uint64_t i = 0; i < 300 && status == Status::ok; ++i) {
      fill(message, kSize, i);
      status = end.send_until(message.bytes(), Deadline::after(1ms));
    }
    end.abandon_unsent();
  }).finish();
  // What came is a beginning of it; the last one may still be under way.
  const End end = queue->open();
  Buffer message;
  for (std::uint64_t i = 0; end->receive_until(message, Deadline::after(2 * kShort)) == Status::ok;
       ++i) {
    expect_numbered(message, kSize, i);
  }
}

template <int producers, int consumers>
void check_crowd_loops(const QueueEntry& entry, Peers peers) {
  const Arrival arrival = !entry.traits.ordered ? Arrival::any
                          : consumers == 1      ? Arrival::consecutive
                                                : Arrival::increasing;
  const LoopPlan plan{.bytes = kBytes, .messages = 1000, .arrival = arrival};
  Shared<std::atomic<std::uint64_t>> sent{0u};
  Shared<std::atomic<std::uint64_t>> received{0u};
  const auto queue = make(entry, {.message_bytes = kBytes});
  std::vector<Peer> crowd;
  const auto add = [](std::atomic<std::uint64_t>& sum, const char* loop, const LoopResult& result) {
    expect(result.fault == Fault::none, loop, " ended with fault ", static_cast<int>(result.fault),
           ", ", to_string(result.status), ", after ", result.messages, " messages");
    sum += result.sum;
  };
  for (int i = 0; i < consumers; ++i) {
    crowd.push_back(user_of(*queue, peers, [&](AnyEndpoint& end) {
      LoopPlan share = plan;
      share.messages = plan.messages * producers / consumers;
      SequenceCheck check;
      add(*received, "stream_in", end.stream_in(share, check));
    }));
  }
  for (std::uint32_t i = 0; i < producers; ++i) {
    crowd.push_back(user_of(*queue, peers, [&, i](AnyEndpoint& end) {
      LoopPlan mine = plan;
      mine.producer = i;
      add(*sent, "stream_out", end.stream_out(mine));
    }));
  }
  for (Peer& peer : crowd) peer.finish();
  expect(*sent == *received, "stream_in received other tags than stream_out sent");
}

void check_ping_pong(const QueueEntry& entry, Peers peers) {
  const LoopPlan plan{.bytes = kBytes, .messages = 1000};
  const auto there = make(entry, {.message_bytes = kBytes});
  const auto back = make(entry, {.message_bytes = kBytes});
  Peer answerer = user_of(*there, peers, [&](AnyEndpoint& in) {
    SequenceCheck check;
    const LoopResult answered = in.pong(*back->open(), plan, check);
    expect(answered.fault == Fault::none && answered.messages == plan.messages,
           "pong ended with fault ", static_cast<int>(answered.fault), ", ",
           to_string(answered.status));
  });
  const End out = there->open();
  const End in = back->open();
  SequenceCheck check;
  const auto times = std::make_unique<Histogram>();
  const LoopResult asked = out->ping(*in, plan, check, *times);
  expect(asked.fault == Fault::none && asked.messages == plan.messages, "ping ended with fault ",
         static_cast<int>(asked.fault), ", ", to_string(asked.status));
  expect(times->total() == plan.messages, "ping has timed ", times->total(), " round trips");
  answerer.finish();
}

// One waits for a message, one behind it, when the first is killed.
void check_killed_while_receiving(const QueueEntry& entry, Peers peers) {
  constexpr std::uint32_t kMessages = 50;
  for (const Calls calls : kBothCalls) {
    Signal waiting;
    const auto queue = make(entry, {.message_bytes = kBytes});
    const auto wait_for_message = [&](AnyEndpoint& end) {
      waiting.raise();
      Buffer message;
      expect_status(receive(end, message, calls), Status::ok, "receive behind a killed consumer");
      expect_numbered(message, kBytes, 0);
    };
    Peer victim = user_of(*queue, peers, wait_for_message);
    waiting.wait(1);
    nap(kShort);
    Peer next = user_of(*queue, peers, wait_for_message);
    waiting.wait(2);
    nap(kShort);
    victim.kill();
    const End end = queue->open();
    send_numbered(*end, kBytes, 0);
    next.finish();
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      send_numbered(*end, kBytes, i, calls);
      receive_numbered(*end, kBytes, i, calls);
    }
  }
}

void check_killed_consumer(const QueueEntry& entry, Peers peers) {
  constexpr std::uint32_t kMessages = 8;
  Signal taken;
  const auto queue = make(entry, {.message_bytes = kBytes});
  Peer victim = user_of(*queue, peers, [&](AnyEndpoint& end) {
    for (std::uint64_t i = 0; i < kMessages / 2; ++i) receive_numbered(end, kBytes, i);
    taken.raise();
    wait_for_the_kill();
  });
  const End end = queue->open();
  for (std::uint64_t i = 0; i < kMessages; ++i) send_numbered(*end, kBytes, i);
  taken.wait();
  victim.kill();
  for (std::uint64_t i = kMessages / 2; i < kMessages; ++i) receive_numbered(*end, kBytes, i);
}

// What the victim had sent may be lost as far as it had not left its process, but none in between.
void check_killed_while_sending(const QueueEntry& entry, Peers peers) {
  constexpr std::uint64_t kItems = 8;
  const auto queue = make(entry, {.max_items = kItems, .message_bytes = kBytes});
  Signal full;
  Peer victim = user_of(*queue, peers, [&](AnyEndpoint& end) {
    std::uint64_t i = 0;
    while (i < kItems) send_numbered(end, kBytes, i++);
    static_cast<void>(end.flush(Deadline::after(patience)));
    full.raise();
    for (;;) send_numbered(end, kBytes, i++, Calls::plain);
  });
  full.wait();
  nap(5 * kShort);  // it waits by now, unless the queue holds more than it was asked for
  victim.kill();
  const End end = queue->open();
  Buffer message;
  for (std::uint64_t i = 0; end->receive_until(message, Deadline::after(5 * kShort)) == Status::ok;
       ++i) {
    expect_numbered(message, kBytes, i);
  }
  constexpr std::uint32_t kMessages = 100;
  Peer survivor = user_of(*queue, peers, [](AnyEndpoint& out) { produce(out, 0, kMessages); });
  for (std::uint64_t i = 0; i < kMessages; ++i) receive_numbered(*end, kBytes, i);
  survivor.finish();
}

// A message gets from a new user to another, behind whatever is still there; or both are told that
// the queue is out of step.
void expect_usable(AnyQueue& queue, Peers peers, std::size_t size) {
  constexpr std::uint32_t kNew = 7;
  const auto expect_told = [](Status status, const char* who) {
    expect(status != Status::timed_out, who, " hangs after a kill");
    if (status != Status::corrupt) expect_status(status, Status::ok, who, " after a kill");
  };
  Peer sender = user_of(queue, peers, [&, size](AnyEndpoint& end) {
    Buffer message;
    fill(message, size, 0, kNew);
    expect_told(end.send_until(message.bytes(), Deadline::after(patience)), "a sender");
    static_cast<void>(end.flush(Deadline::after(patience)));
  });
  const End end = queue.open();
  Buffer message;
  Status status;
  do {
    status = end->receive_until(message, Deadline::after(patience));
    expect_told(status, "a receiver");
  } while (status == Status::ok && tag_of(message, size) != make_tag(kNew, 0));
  sender.finish();
}

// Whatever the victim is doing: the others get whole messages in order, or are told that the queue
// is out of step, and nobody hangs as long as somebody receives.
void check_killed_at_any_time(const QueueEntry& entry, Peers peers) {
  std::mt19937 random(std::random_device{}());
  for (std::size_t round = 0; round < 16; ++round) {
    const bool large = round % 8 >= 4;
    const std::size_t size =
        std::min<std::size_t>(entry.traits.max_message, large ? 100'000 : kBytes);
    const auto queue = make(entry, {.message_bytes = size});
    Signal begun;
    Signal stop_sending;
    Signal stop_receiving;
    const auto sends = [&, size](AnyEndpoint& end, std::uint32_t producer) {
      begun.raise();
      Buffer message;
      for (std::uint64_t i = 0; stop_sending.raised() == 0;) {
        fill(message, size, i, producer);
        const Status status = end.send_until(message.bytes(), Deadline::after(kShort));
        if (status == Status::corrupt) break;
        if (status == Status::timed_out) continue;
        expect_status(status, Status::ok, "send beside a killed user");
        ++i;
      }
    };
    const auto receives = [&, size](AnyEndpoint& end) {
      begun.raise();
      std::uint64_t next[2] = {0, 0};
      bool corrupt = false;
      Buffer message;
      while (stop_receiving.raised() == 0) {
        const Status status = end.receive_until(message, Deadline::after(kShort));
        corrupt = corrupt || status == Status::corrupt;
        if (corrupt) expect_status(status, Status::corrupt, "receive after corrupt");
        if (status != Status::ok) {
          if (status != Status::timed_out) nap(1ms);
          expect(corrupt || status == Status::timed_out,
                 "receive beside a killed user: ", to_string(status));
          continue;
        }
        const std::uint64_t tag = tag_of(message, size);
        expect(producer_of(tag) < 2 && sequence_of(tag) >= next[producer_of(tag)],
               "a message came out of order beside a killed user");
        next[producer_of(tag)] = sequence_of(tag) + 1;
      }
    };
    std::vector<Peer> crowd;  // senders first
    for (std::uint32_t i = 0; i < 2; ++i) {
      crowd.push_back(user_of(*queue, peers, [&, i](AnyEndpoint& end) { sends(end, i); }));
    }
    for (int i = 0; i < 2; ++i) crowd.push_back(user_of(*queue, peers, receives));
    begun.wait(4);
    nap(std::chrono::microseconds(random() % 3000));
    crowd[round % 4].kill();
    nap(kShort / 2);
    const auto expect_end = [&](std::size_t i) {
      if (i == round % 4) return;
      expect(crowd[i].wait(Deadline::after(patience)).has_value(),
             i < 2 ? "a sender" : "a receiver", " hangs beside a killed ",
             round % 4 < 2 ? "sender" : "receiver");
      crowd[i].finish();
    };
    stop_sending.raise();
    for (std::size_t i : {0u, 1u}) expect_end(i);
    stop_receiving.raise();
    for (std::size_t i : {2u, 3u}) expect_end(i);
    expect_usable(*queue, peers, size);
  }
}

// Of what another producer sends after the kill, how much arrives?
void check_killed_as_stated(const QueueEntry& entry, Peers peers) {
  constexpr std::uint32_t kMessages = 20;
  constexpr std::uint32_t kSurvivor = 1;
  expect_as_stated(entry.traits, [&](Victim state) {
    const std::size_t size = state == Victim::sending
                                 ? std::min<std::size_t>(entry.traits.max_message, kVictimBytes)
                                 : kBytes;
    const auto queue = make(entry, {.max_items = 8, .message_bytes = size});
    Signal about_to_be;
    Peer victim =
        user_of(*queue, peers, [&](AnyEndpoint& end) { be_victim(end, state, size, about_to_be); });
    about_to_be.wait();
    settle(victim);
    victim.kill();
    const End end = queue->open();
    Buffer message;
    Status status;
    std::uint64_t next = 0;
    const auto receive_next = [&] {
      return status = end->receive_until(message, Deadline::after(kNoNews));
    };
    while (receive_next() == Status::ok) expect_numbered(message, size, next++);
    if (status != Status::timed_out) return AfterKill::error;

    Signal begun;
    Peer survivor = user_of(*queue, peers, [&](AnyEndpoint& out) {
      begun.raise();
      Buffer sent;
      for (std::uint64_t i = 0; i < kMessages; ++i) {
        fill(sent, kBytes, i, kSurvivor);
        if (out.send_until(sent.bytes(), Deadline::after(kNoNews)) != Status::ok) return;
      }
      static_cast<void>(out.flush(Deadline::after(kNoNews)));
    });
    begun.wait();
    std::uint32_t arrived = 0;
    bool others = false;  // came in place of the next
    while (arrived < kMessages && !others && receive_next() == Status::ok) {
      others = tag_of(message, kBytes) != make_tag(kSurvivor, arrived++);
    }
    if (arrived == kMessages) {  // and no more
      status = end->receive_until(message, Deadline::after(kVictimSettles));
      others = others || status == Status::ok;
    }
    survivor.finish();
    if (status != Status::ok && status != Status::timed_out) return AfterKill::error;
    if (others) return AfterKill::loss;
    if (arrived == kMessages) return AfterKill::nothing;
    return arrived == 0 ? AfterKill::time_out : AfterKill::loss;
  });
}

void check_killed_inside_a_call(const QueueEntry& entry, Peers peers) {
  constexpr int kMessages = 20;  // more than fit
  const std::size_t size = std::min<std::size_t>(entry.traits.max_message, 2048);
  expect_others_held_up(entry.traits, [&entry, peers, size] {
    std::mt19937 random(std::random_device{}());
    const auto queue = make(entry, {.max_items = 8, .message_bytes = size});
    Buffer message;
    fill(message, size, 0);
    Signal begun;
    Peer victim = user_of(*queue, peers, [&](AnyEndpoint& end) {
      begun.raise();
      for (;;) {
        static_cast<void>(end.send(message.bytes()));
        static_cast<void>(end.receive(message));
      }
    });
    begun.wait();
    nap(std::chrono::microseconds(random() % 3000));
    victim.kill();
    const End end = queue->open();
    Status status = Status::ok;
    for (int i = 0; i < kMessages && status == Status::ok; ++i) {
      status = end->send_until(message.bytes(), Deadline::after(kNoNews));
      if (status == Status::ok) status = end->receive_until(message, Deadline::after(kNoNews));
    }
    return status != Status::timed_out;
  });
}

}  // namespace

const std::vector<Check<QueueEntry>>& queue_checks() {
  static const std::vector<Check<QueueEntry>> checks = {
      {"MessagesArriveInOrder", on_queue<check_order>},
      {"MessagesKeepTheirBoundaries", on_queue<check_boundaries>},
      {"EmptyMessagesArrive", on_queue<check_empty_messages>},
      {"LargestMessageArrives", on_queue<check_largest_message>},
      {"TooBigMessageIsRefused", on_queue<check_too_big>},
      {"FullQueueStopsTheSender", on_queue<check_full>},
      {"SizeCountsTheItems", check_size, needs_items},
      {"DeadlinesAreKept", on_queue<check_deadlines>},
      {"ShortDeadlinesLoseNothing", on_queue<check_short_deadlines>},
      {"SignalsDisturbNobody", on_queue<check_signals>, nullptr, false},
      {"ReadyTellsWhetherAMessageIsThere", on_queue<check_ready>},
      {"DescriptorAnnouncesMessages", on_queue<check_wait_fd>, needs_descriptor},
      {"EachMessageReachesOneOf2ConsumersFrom1Producer", check_crowd<1, 2>, needs<1, 2>},
      {"EachMessageReachesOneOf2ConsumersFrom2Producers", check_crowd<2, 2>, needs<2, 2>},
      {"EachMessageReachesOneOf4ConsumersFrom4Producers", check_crowd<4, 4>, needs<4, 4>},
      {"OneEndpointServesSeveralThreads", check_shared_endpoint, needs<4, 4>},
      {"MessagesOutliveTheirProducer", check_no_end},
      {"AbandonedMessagesDelayNobody", check_abandon},
      {"StreamLoopsEndWithoutFault", on_queue<check_stream_loops>, nullptr, true, false},
      {"CarriagesEndWithoutFault", on_queue<check_carriages>},
      {"CrowdLoopsEndWithoutFault", check_crowd_loops<2, 2>, needs<2, 2>},
      {"PingPongEndsWithoutFault", check_ping_pong, nullptr, true, false},
      {"StoppedSenderOnlyDelays", on_queue<check_stopped_sender>, nullptr, false},
      {"StoppedReceiverOnlyDelays", on_queue<check_stopped_receiver>, nullptr, false},
      {"KilledSenderLeavesItsMessages", on_queue<check_killed_sender>, needs_survival, false},
      {"KilledConsumerLosesNothing", check_killed_consumer, needs_survivors<1, 2>, false},
      {"KilledWhileReceivingDelaysNobody", check_killed_while_receiving, needs_survivors<1, 3>,
       false},
      {"KilledWhileSendingDelaysNobody", check_killed_while_sending, needs_survivors<2, 1>, false},
      {"KillAtAnyTimeHangsNobody", check_killed_at_any_time, needs_survivors<2, 2>, false},
      {"KillIsNoticedAsTheTraitsSay", check_killed_as_stated, needs<2, 2>, false},
      {"KillInsideACallHoldsOthersUp", check_killed_inside_a_call, needs_hang, false},
      {"NothingIsLeftBehind", on_queue<check_nothing_left>},
      {"EndpointsLetGoOfWhatTheyOpened", on_queue<check_endpoints_let_go>, needs_letting_go},
      {"NothingIsLeftBehindByAKill", on_queue<check_nothing_left_by_kill>, nullptr, false},
  };
  return checks;
}

}  // namespace ipc
