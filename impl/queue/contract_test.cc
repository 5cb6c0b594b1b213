// SPDX-License-Identifier: MIT
// Longer than most: one check after another, each used only in the list at the end.
#include "impl/queue/contract_test.h"

#include <algorithm>
#include <array>
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
  return {entry.traits, peers, make_link, Status::timed_out, entry.traits.counts_items ? 8u : 0u};
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

std::optional<std::string> needs_noticing(const Traits& traits) {
  const auto reason = needs_unsanitized(traits);
  return reason ? reason : needs<2, 2>(traits);
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
  if (traits.counts_items) return std::nullopt;
  return "it does not count its items";
}

// By each of its bounds.
void check_full_queue(const QueueEntry& entry, Peers peers) {
  Subject subject = subject_of(entry, peers);
  check_full(subject);
  if (subject.exact_items == 0 || entry.traits.capacity == CapacityUnit::items) return;
  subject.exact_items = 0;
  check_full(subject);
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

// However soon after its send somebody gives up and goes, others can still come.
void check_gone_at_once(const QueueEntry& entry, Peers peers) {
  constexpr int kRounds = 15;
  const auto queue = make(entry, {.message_bytes = kBytes});
  const End end = queue->open();
  for (int round = 0; round < kRounds; ++round) {
    user_of(*queue, peers, [](AnyEndpoint& user) {
      send_numbered(user, kBytes, 0);
      user.abandon_unsent();
    }).finish();
    Peer other = user_of(*queue, peers, [](AnyEndpoint& user) { send_numbered(user, kBytes, 1); });
    Buffer message;
    do {
      expect_status(end->receive_until(message, Deadline::after(patience)), Status::ok,
                    "receive of what another sent after one who gave up, round ", round);
    } while (sequence_of(tag_of(message, kBytes)) != 1);
    other.finish();
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

// How far a sender has got.
struct Progress {
  std::atomic<std::uint64_t> begun{0};  // its sends
  std::atomic<std::uint64_t> left{0};   // messages that have left it: of these none may be lost
};

// Sends until it is stopped, and makes sure now and then that what it has sent has left it.
void send_beside_a_kill(AnyEndpoint& end, std::uint32_t producer, std::size_t size,
                        std::uint64_t most, Progress& progress, const Signal& stop,
                        bool may_be_corrupt) {
  Buffer message;
  std::uint64_t sent = 0;
  while (sent < most && stop.raised() == 0) {
    fill(message, size, sent, producer);
    progress.begun = sent + 1;
    const Status status = end.send_until(message.bytes(), Deadline::after(kShort));
    if (status == Status::timed_out) continue;
    if (status == Status::corrupt && may_be_corrupt) return;
    expect_status(status, Status::ok, "send beside a killed user");
    ++sent;
    const Deadline moment = sent % 16 == 0 ? Deadline::after(kShort) : Deadline::now();
    if (end.flush(moment) == Status::ok) progress.left = sent;
  }
  expect_status(end.flush(Deadline::after(patience)), Status::ok, "flush beside a killed user");
  progress.left = sent;
}

// Receives until it is stopped.
void receive_beside_a_kill(AnyEndpoint& end, std::size_t size, Arrivals arrivals,
                           const Signal& stop, bool may_be_corrupt) {
  bool corrupt = false;
  Buffer message;
  while (stop.raised() == 0) {
    const Status status = end.receive_until(message, Deadline::after(kShort));
    if (status == Status::ok && !corrupt) {
      arrivals.see(tag_of(message, size));
    } else if (corrupt || (status == Status::corrupt && may_be_corrupt)) {
      expect_status(status, Status::corrupt, "receive after corrupt");
      corrupt = true;
      nap(1ms);
    } else {
      expect_status(status, Status::timed_out, "receive beside a killed user");
    }
  }
}

// A message gets from a new user to another, behind what is still there; or both are told that the
// queue is out of step, where that is stated: then true.
bool is_corrupt_or_usable(AnyQueue& queue, Peers peers, std::size_t size, Arrivals arrivals,
                          bool may_be_corrupt) {
  constexpr std::uint32_t kNew = 7;
  const auto expect_told = [may_be_corrupt](Status status, const char* who) {
    expect(status != Status::timed_out, who, " hangs after a kill");
    if (status == Status::corrupt && may_be_corrupt) return;
    expect_status(status, Status::ok, who, " after a kill");
  };
  Peer sender = user_of(queue, peers, [&, size](AnyEndpoint& end) {
    Buffer message;
    fill(message, size, 0, kNew);
    expect_told(end.send_until(message.bytes(), Deadline::after(patience)), "a sender");
    static_cast<void>(end.flush(Deadline::after(patience)));
  });
  const End end = queue.open();
  Buffer message;
  for (;;) {
    const Status status = end->receive_until(message, Deadline::after(patience));
    expect_told(status, "a receiver");
    const bool corrupt = status == Status::corrupt;
    if (corrupt || tag_of(message, size) == make_tag(kNew, 0)) {
      sender.finish();
      return corrupt;
    }
    arrivals.see(tag_of(message, size));
  }
}

// Of what one has sent and what came behind it.
std::uint64_t lost_of(const Tally& tally, std::uint32_t producer, const Progress& progress) {
  std::uint64_t end = progress.begun;
  while (end > progress.left && !tally.came(producer, end - 1)) --end;
  std::uint64_t lost = 0;
  for (std::uint64_t i = 0; i < end; ++i) {
    if (!tally.came(producer, i)) ++lost;
  }
  return lost;
}

// Whatever the victim is doing: the others get whole messages in order, none of them twice, and
// nobody hangs as long as somebody receives. A killed sender costs the others nothing, a killed
// receiver the message that it had in hand; or the queue is out of step by it, if that is stated,
// and all are told.
void check_killed_at_any_time(const QueueEntry& entry, Peers peers) {
  constexpr std::uint32_t kMost = 1 << 20;  // messages of each sender
  std::mt19937 random(std::random_device{}());
  for (std::size_t round = 0; round < 16; ++round) {
    const std::size_t victim = round % 4;  // of the crowd: senders first
    const bool may_be_corrupt = victim >= 2 && entry.traits.killed.inside == AfterKill::error;
    const bool large = round % 8 >= 4;
    const std::size_t size =
        std::min<std::size_t>(entry.traits.max_message, large ? 100'000 : kBytes);
    const auto queue = make(entry, {.message_bytes = size});
    Tally tally(2, kMost);
    Shared<std::array<Progress, 2>> progress;
    Signal begun;
    Signal stop_sending;
    Signal stop_receiving;
    std::vector<Peer> crowd;
    for (std::uint32_t i = 0; i < 2; ++i) {
      crowd.push_back(user_of(*queue, peers, [&, i](AnyEndpoint& end) {
        begun.raise();
        send_beside_a_kill(end, i, size, kMost, (*progress)[i], stop_sending, may_be_corrupt);
      }));
    }
    for (int i = 0; i < 2; ++i) {
      crowd.push_back(user_of(*queue, peers, [&](AnyEndpoint& end) {
        begun.raise();
        receive_beside_a_kill(end, size, Arrivals(tally, entry.traits.ordered), stop_receiving,
                              may_be_corrupt);
      }));
    }
    begun.wait(4);
    nap(std::chrono::microseconds(random() % 3000));
    crowd[victim].kill();
    nap(kShort / 2);
    const char* const killed = victim < 2 ? "sender" : "receiver";
    const auto expect_end = [&](std::size_t i) {
      if (i == victim) return;
      expect(crowd[i].wait(Deadline::after(patience)).has_value(),
             i < 2 ? "a sender" : "a receiver", " hangs beside a killed ", killed);
      crowd[i].finish();
    };
    stop_sending.raise();
    for (std::size_t i : {0u, 1u}) expect_end(i);
    stop_receiving.raise();
    for (std::size_t i : {2u, 3u}) expect_end(i);
    const bool corrupt = is_corrupt_or_usable(
        *queue, peers, size, Arrivals(tally, entry.traits.ordered), may_be_corrupt);
    const std::uint64_t lost =
        lost_of(tally, 0, (*progress)[0]) + lost_of(tally, 1, (*progress)[1]);
    expect(corrupt || lost <= (victim < 2 ? 0u : 1u), lost, " messages were lost with a killed ",
           killed);
  }
}

// Others wait again and again, for a message or for room, and get it; or what they notice instead,
// a hang by never coming back.
AfterKill others_wait(AnyQueue& queue, Peers peers, Signal& step) {
  constexpr int kRounds = 3;
  constexpr std::chrono::seconds kLong{5};
  const End end = queue.open();
  Buffer message;
  const auto drain = [&] {
    while (end->receive_until(message, Deadline::after(5 * kShort)) == Status::ok) step.raise();
  };
  const auto fill_up = [&] {
    fill(message, kBytes, 0);
    while (end->send_until(message.bytes(), Deadline::after(kShort)) == Status::ok) step.raise();
  };
  for (int round = 0; round < 2 * kRounds; ++round) {
    const bool receives = round % 2 == 0;
    receives ? drain() : fill_up();
    Signal waiting;
    Signal served;
    Shared<std::atomic<bool>> in_vain{false};  // it was served, and timed out
    Peer other = user_of(queue, peers, [&](AnyEndpoint& user) {
      Buffer own;
      fill(own, kBytes, 0);
      waiting.raise();
      const Deadline deadline = Deadline::after(kLong);
      const Status status =
          receives ? user.receive_until(own, deadline) : user.send_until(own.bytes(), deadline);
      *in_vain = status == Status::timed_out && served.raised() != 0;
      if (!receives) user.abandon_unsent();
    });
    waiting.wait();
    settle(other);
    step.raise();
    if (receives) {
      send_numbered(*end, kBytes, 0);
      static_cast<void>(end->flush(Deadline::after(kNoNews)));
    } else {
      drain();
    }
    served.raise();
    step.raise();
    other.finish();
    step.raise();
    if (*in_vain) return AfterKill::time_out;
  }
  return AfterKill::nothing;
}

// Of what another producer sends after the kill, how much arrives?
void check_killed_as_stated(const QueueEntry& entry, Peers peers) {
  constexpr std::uint32_t kMessages = 20;
  constexpr std::uint32_t kSurvivor = 1;
  // Of who is there: a busy machine is no kill. Where a kill may silence him, that is waited for.
  const std::chrono::milliseconds silence =
      entry.traits.survives_kill ? std::chrono::milliseconds(5000) : kNoNews;
  expect_as_stated(entry.traits, [&](Victim state, Signal& step) {
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
    const auto receive_next = [&](std::chrono::milliseconds limit) {
      step.raise();
      return status = end->receive_until(message, Deadline::after(limit));
    };
    while (receive_next(kNoNews) == Status::ok) expect_numbered(message, size, next++);
    if (status != Status::timed_out) return AfterKill::error;

    Signal begun;
    Peer survivor = user_of(*queue, peers, [&](AnyEndpoint& out) {
      begun.raise();
      Buffer sent;
      for (std::uint64_t i = 0; i < kMessages; ++i) {
        fill(sent, kBytes, i, kSurvivor);
        if (out.send_until(sent.bytes(), Deadline::after(silence)) != Status::ok) return;
      }
      static_cast<void>(out.flush(Deadline::after(silence)));
    });
    begun.wait();
    std::uint32_t arrived = 0;
    bool others = false;  // came in place of the next
    while (arrived < kMessages && !others && receive_next(silence) == Status::ok) {
      others = tag_of(message, kBytes) != make_tag(kSurvivor, arrived++);
    }
    if (arrived == kMessages) {  // and no more
      status = end->receive_until(message, Deadline::after(kVictimSettles));
      others = others || status == Status::ok;
    }
    step.raise();
    survivor.finish();
    step.raise();
    if (status != Status::ok && status != Status::timed_out) return AfterKill::error;
    if (others) return AfterKill::loss;
    if (arrived == kMessages) return others_wait(*queue, peers, step);
    return arrived == 0 ? AfterKill::time_out : AfterKill::loss;
  });
}

void check_killed_inside_a_call(const QueueEntry& entry, Peers peers) {
  const auto before = [](AnyEndpoint& here, Role) {
    send_numbered(here, kHeldUpBytes, 0);
    return here.flush(Deadline::after(patience));
  };
  const auto after = [](AnyEndpoint& here, Role) {
    constexpr int kMessages = 20;  // more than fit
    Buffer message;
    fill(message, kHeldUpBytes, 0);
    Status status = Status::ok;
    for (int i = 0; i < kMessages && status == Status::ok; ++i) {
      status = here.send_until(message.bytes(), Deadline::after(kNoNews));
      if (status == Status::ok) status = here.receive_until(message, Deadline::after(kNoNews));
    }
    return status;
  };
  expect_others_held_up(subject_of(entry, peers), {before, after});
}

std::optional<std::string> needs_loss(const Traits& traits) {
  if (traits.killed.inside == AfterKill::loss) return std::nullopt;
  return "the worst of a user killed inside a call is no loss";
}

// Takes the rest, all in order but for one that a killed user had in hand; gives the next number.
std::uint64_t take_rest(AnyEndpoint& end, std::uint64_t next, std::uint64_t in_hand) {
  Buffer message;
  while (end.receive_until(message, Deadline::after(kNoNews)) == Status::ok) {
    const std::uint64_t sequence = sequence_of(tag_of(message, kBytes));
    expect(sequence >= next && sequence <= next + in_hand, "message ", sequence,
           " came in place of message ", next);
    in_hand -= sequence - next;
    next = sequence + 1;
  }
  return next;
}

// Killed at some instant, one who sends all the time takes along messages whose send had said ok,
// and one who receives a message on its way to it. Their slots stay taken, and others go on.
void check_loss_inside_a_call(const QueueEntry& entry, Peers peers) {
  constexpr int kRounds = 12;
  constexpr std::uint32_t kMessages = 500;  // for one who receives
  std::mt19937 random(std::random_device{}());
  for (const bool sends : {true, false}) {
    bool lost = false;
    for (int round = 0; round < kRounds && !lost; ++round) {
      const auto queue = make(entry, {.max_items = 8 * kMessages, .message_bytes = kBytes});
      const End end = queue->open();
      Signal done;  // calls of the victim that said ok
      Peer victim = user_of(*queue, peers, [&](AnyEndpoint& user) {
        for (std::uint64_t i = 0;; ++i) {
          sends ? send_numbered(user, kBytes, i, Calls::plain)
                : receive_numbered(user, kBytes, i, Calls::plain);
          done.raise();
        }
      });
      for (std::uint32_t i = 0; i < kMessages && !sends; ++i) send_numbered(*end, kBytes, i);
      done.wait();
      nap(std::chrono::microseconds(random() % 3000));
      victim.kill();
      const std::uint64_t next = take_rest(*end, sends ? 0 : done.raised(), sends ? 0 : 1);
      const std::uint64_t sent = sends ? done.raised() : kMessages;
      const std::uint64_t taken = queue->size().value_or(0);
      lost = next < sent || (!sends && next == sent && taken != 0);
      expect(taken >= sent - std::min(sent, next), "the slots of lost messages are free");
      // Another message comes, or the one that the queue holds back for a user that is gone.
      send_numbered(*end, kBytes, std::max(next, sent));
      expect(take_rest(*end, next, std::max(next, sent) - next) > next,
             "no message comes any more");
    }
    expect(lost, "no message is lost with a user that was killed while ",
           sends ? "sending" : "receiving", ", as its traits say");
  }
}

}  // namespace

const std::vector<Check<QueueEntry>>& queue_checks() {
  static const std::vector<Check<QueueEntry>> checks = {
      {"MessagesArriveInOrder", on_queue<check_order>},
      {"MessagesKeepTheirBoundaries", on_queue<check_boundaries>},
      {"EmptyMessagesArrive", on_queue<check_empty_messages>},
      {"LargestMessageArrives", on_queue<check_largest_message>},
      {"TooBigMessageIsRefused", on_queue<check_too_big>},
      {"FullQueueStopsTheSender", check_full_queue},
      {"SizeCountsTheItems", check_size, needs_items},
      {"DeadlinesAreKept", on_queue<check_deadlines>},
      {"ShortDeadlinesLoseNothing", on_queue<check_short_deadlines>},
      {"SignalsDisturbNobody", on_queue<check_signals>, nullptr, false},
      {"ReadyTellsWhetherAMessageIsThere", on_queue<check_ready>},
      {"DescriptorAnnouncesMessages", on_queue<check_wait_fd>, needs_descriptor},
      {"EachMessageReachesOneOf2ConsumersFrom1Producer", check_crowd<1, 2>, needs<1, 2>},
      {"EachMessageReachesTheConsumerFrom2Producers", check_crowd<2, 1>, needs<2, 1>},
      {"EachMessageReachesOneOf2ConsumersFrom2Producers", check_crowd<2, 2>, needs<2, 2>},
      {"EachMessageReachesOneOf4ConsumersFrom4Producers", check_crowd<4, 4>, needs<4, 4>},
      {"OneEndpointServesSeveralThreads", check_shared_endpoint, needs<4, 4>},
      {"MessagesOutliveTheirProducer", check_no_end},
      {"AbandonedMessagesDelayNobody", check_abandon},
      {"GoneAtOnceIsNoEnd", check_gone_at_once},
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
      {"KillIsNoticedAsTheTraitsSay", check_killed_as_stated, needs_noticing, false},
      {"KillInsideACallLosesMessages", check_loss_inside_a_call, needs_loss, false},
      {"KillInsideACallHoldsOthersUp", check_killed_inside_a_call, needs_hang, false},
      {"NothingIsLeftBehind", on_queue<check_nothing_left>},
      {"EndpointsLetGoOfWhatTheyOpened", on_queue<check_endpoints_let_go>, needs_letting_go},
      {"NothingIsLeftBehindByAKill", on_queue<check_nothing_left_by_kill>, nullptr, false},
  };
  return checks;
}

}  // namespace ipc
