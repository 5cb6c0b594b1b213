// SPDX-License-Identifier: MIT
// Longer than most: one check after another, with the few things that only they share.
#include "impl/driver/link_checks_test.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <vector>

#include "impl/driver/payload.h"
#include "impl/os/error.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;
using End = std::unique_ptr<AnyEndpoint>;

constexpr std::chrono::milliseconds kShort{20};

// A number that one peer tells another.
using Told = Shared<std::atomic<std::uint64_t>>;

// Addresses that nobody may read or write: sending them shows whether a refused message was looked
// at.
class Forbidden {
 public:
  explicit Forbidden(std::size_t size)
      : size_(size),
        address_(
            mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (address_ == MAP_FAILED)
      throw_errno("mmap of " + std::to_string(size) + " bytes, PROT_NONE");
  }
  ~Forbidden() { munmap(address_, size_); }
  Forbidden(const Forbidden&) = delete;
  Forbidden& operator=(const Forbidden&) = delete;
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(address_), size_};
  }

 private:
  std::size_t size_;
  void* address_;
};

// This process is interrupted a thousand times a second for as long as it exists.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    if (sigaction(SIGALRM, &action, nullptr) != 0) throw_errno("sigaction");
    if (!every(1000)) throw_errno("setitimer");
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;
  ~SignalStorm() { every(0); }

 private:
  static bool every(suseconds_t microseconds) {
    const itimerval timer{{0, microseconds}, {0, microseconds}};
    return setitimer(ITIMER_REAL, &timer, nullptr) == 0;
  }
};

// Fails unless the call says timed_out, not before its deadline and not long after.
template <class Call>
void expect_timeout(const char* what, Call&& call) {
  for (const Deadline deadline : {Deadline::now(), Deadline::at(1), Deadline::after(kShort)}) {
    const char* which = deadline.ns() <= 1 ? " that has passed" : " of 20 ms";
    const std::int64_t begin = monotonic_ns();
    expect_status(call(deadline), Status::timed_out, what, " with a deadline", which);
    const std::int64_t end = monotonic_ns();
    expect(end >= deadline.ns(), what, " gave up before its deadline");
    expect(end - begin < std::chrono::nanoseconds(2s).count(), what, " overran a deadline", which);
  }
}

}  // namespace

// ---- Messages

void check_order(const Subject& subject) {
  constexpr std::uint32_t kEach = 4'000;
  constexpr std::size_t kMarker = 16;  // a size that says: this was all
  for (const Calls calls : kBothCalls) {
    Tally tally(1, kEach);
    Linked link(subject, {}, Role::receiver, [calls](End out) {
      for (std::uint64_t i = 0; i < kEach; ++i) send_numbered(*out, 64, i, calls);
      send_numbered(*out, kMarker, kEach, calls);
    });
    Arrivals arrivals(tally);
    Buffer message;
    for (;;) {
      const Status status = receive(link.here(), message, calls);
      if (status == Status::closed) break;
      expect_status(status, Status::ok, "receive after ", tally.arrived(), " messages");
      if (message.size() == kMarker) break;
      arrivals.see(tag_of(message, 64));
    }
    tally.expect_all();
    link.finish();
  }
}

void check_boundaries(const Subject& subject) {
  std::vector<std::size_t> sizes = {0,     1,     7,     8,     9,     4091,   4092, 4093,
                                    4094,  4095,  4096,  4097,  8191,  8192,   8193, 16384,
                                    65531, 65532, 65535, 65536, 65537, 1 << 20};
  std::erase_if(sizes, [&](std::size_t size) { return size > subject.traits.max_message; });
  const std::size_t largest = sizes.back();
  std::vector<std::size_t> sequence = sizes;
  std::mt19937 random(1);
  for (int round = 0; round < 3; ++round) {
    std::shuffle(sizes.begin(), sizes.end(), random);
    sequence.insert(sequence.end(), sizes.begin(), sizes.end());
  }
  for (const Calls calls : kBothCalls) {
    Linked link(subject, {.message_bytes = largest}, Role::receiver, [&sequence, calls](End out) {
      for (std::size_t i = 0; i < sequence.size(); ++i) send_numbered(*out, sequence[i], i, calls);
    });
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      receive_numbered(link.here(), sequence[i], i, calls);
    }
    link.finish();
  }
}

void check_empty_messages(const Subject& subject) {
  constexpr std::uint64_t kMessages = 300;
  const auto size_of = [](std::uint64_t i) -> std::size_t { return i % 3 == 2 ? 16 : 0; };
  for (const Calls calls : kBothCalls) {
    Linked link(subject, {}, Role::receiver, [=](End out) {
      for (std::uint64_t i = 0; i < kMessages; ++i) send_numbered(*out, size_of(i), i, calls);
    });
    for (std::uint64_t i = 0; i < kMessages; ++i)
      receive_numbered(link.here(), size_of(i), i, calls);
    link.finish();
  }
}

void check_largest_message(const Subject& subject) {
  const std::size_t largest = std::min<std::size_t>(subject.traits.max_message, 16 << 20);
  const auto size_of = [=](std::uint64_t i) { return i % 2 == 0 ? largest : 8; };
  for (const Calls calls : kBothCalls) {
    Linked link(subject, {.message_bytes = largest}, Role::receiver, [=](End out) {
      for (std::uint64_t i = 0; i < 4; ++i) send_numbered(*out, size_of(i), i, calls);
    });
    for (std::uint64_t i = 0; i < 4; ++i) receive_numbered(link.here(), size_of(i), i, calls);
    link.finish();
  }
}

void check_too_big(const Subject& subject) {
  constexpr std::uint64_t kMessages = 4;
  const Forbidden message(subject.traits.max_message + 1);
  Linked link(subject, {}, Role::sender, [](End in) {
    for (std::uint64_t i = 0; i < kMessages; ++i) receive_numbered(*in, 64, i);
  });
  AnyEndpoint& out = link.here();
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    const char* what = "send of one byte more than the maximum";
    expect_status(out.send(message.bytes()), Status::too_big, what);
    expect_status(out.send_until(message.bytes(), Deadline::now()), Status::too_big, what);
    expect_status(out.send_until(message.bytes(), Deadline::after(patience)), Status::too_big,
                  what);
    send_numbered(out, 64, i);
  }
  link.finish();
}

void check_stream_loops(const Subject& subject) {
  for (const std::size_t size : {kMinPayload, std::size_t{64}, std::size_t{4096}}) {
    if (size > subject.traits.max_message) continue;
    const LoopPlan plan{.bytes = size, .messages = 3000};
    Told sum{0u};
    Linked link(subject, {.message_bytes = size}, Role::receiver, [&](End out) {
      const LoopResult sent = out->stream_out(plan);
      expect(sent.fault == Fault::none, "stream_out ended with fault ",
             static_cast<int>(sent.fault), ", ", to_string(sent.status), ", after ", sent.messages,
             " messages");
      *sum = sent.sum;
    });
    SequenceCheck check;
    const LoopResult got = link.here().stream_in(plan, check);
    expect(got.fault == Fault::none, "stream_in ended with fault ", static_cast<int>(got.fault),
           ", ", to_string(got.status), ", after ", got.messages, " messages");
    link.finish();
    expect(got.sum == *sum, "stream_in received other tags than stream_out sent");
    expect(got.end_ns > got.begin_ns, "stream_in took no time");
  }
}

// ---- Waiting

void check_full(const Subject& subject) {
  constexpr std::size_t kBytes = 1024;
  Told first_part{0u};
  Told total{0u};
  Signal filled;
  Signal drained;
  Linked link(subject, {.message_bytes = kBytes, .max_items = subject.exact_items}, Role::sender,
              [&](End in) {
                filled.wait(1);
                std::uint64_t got = 0;
                while (got < *first_part) receive_numbered(*in, kBytes, got++);
                drained.raise();
                filled.wait(2);
                nap(kShort);
                while (got < *total) receive_numbered(*in, kBytes, got++);
              });
  AnyEndpoint& out = link.here();
  expect(link.capacity_bytes() > 0 || subject.traits.capacity == CapacityUnit::items,
         "it reports no capacity");
  const std::uint64_t bound = link.capacity_bytes() / kBytes * 8 + 4096;
  Buffer message;
  std::uint64_t sent = 0;
  const auto fill_up = [&] {
    const Deadline limit = Deadline::after(patience / 2);
    for (;; ++sent) {
      fill(message, kBytes, sent);
      const Status status = out.send_until(message.bytes(), Deadline::after(kShort));
      if (status == Status::timed_out) return;
      expect_status(status, Status::ok, "send of message ", sent);
      expect(sent < 2 * bound && !limit.passed(), "it takes messages without end: ", sent);
    }
  };

  fill_up();
  expect(sent > 0, "it is full although nothing was sent");
  if (link.capacity_bytes() > 0) {
    // A socket that is polled first takes a quarter, and bills over twice the message.
    expect(sent * kBytes >= link.capacity_bytes() / 16 &&
               sent * kBytes <= 8 * link.capacity_bytes() + (std::size_t{64} << 10),
           "it reports a capacity of ", link.capacity_bytes(), " bytes, and took ", sent * kBytes);
  }
  if (subject.exact_items != 0) {
    expect(sent == subject.exact_items, "it took ", sent, " items instead of ",
           subject.exact_items);
    expect_timeout("send",
                   [&](Deadline deadline) { return out.send_until(message.bytes(), deadline); });
  }
  *first_part = sent;
  filled.raise();
  // The refused message was not sent: its number is given again.
  send_numbered(out, kBytes, sent++);
  drained.wait();

  fill_up();
  const std::uint64_t end = *total =
      2 * sent + 10;  // does not fit: the rest waits for the receiver
  filled.raise();
  while (sent < end) send_numbered(out, kBytes, sent++, Calls::plain);
  link.finish();
}

void check_deadlines(const Subject& subject) {
  Signal wanted;
  Linked link(subject, {}, Role::receiver, [&](End out) {
    for (std::uint32_t i = 0; i < 4; ++i) {
      wanted.wait(i + 1);
      nap(kShort);
      send_numbered(*out, 64, i);
    }
  });
  AnyEndpoint& in = link.here();
  Buffer message;
  expect_timeout("receive", [&](Deadline deadline) { return in.receive_until(message, deadline); });
  expect_timeout("ready", [&](Deadline deadline) { return in.ready(deadline); });
  // Those who gave up have taken nothing, and those who wait long enough are woken.
  std::uint64_t next = 0;
  const auto expect_next = [&](const char* what, Deadline deadline) {
    wanted.raise();
    expect_status(in.receive_until(message, deadline), Status::ok, what);
    expect_numbered(message, 64, next++);
  };
  expect_next("receive until never", Deadline::never());
  expect_next("receive with a far deadline", Deadline::after(patience));
  wanted.raise();
  expect_status(in.receive(message), Status::ok, "receive");
  expect_numbered(message, 64, next++);
  wanted.raise();
  expect_status(in.ready(Deadline::never()), Status::ok, "ready until never");
  expect_status(in.receive_until(message, Deadline::now()), Status::ok, "receive of what is ready");
  expect_numbered(message, 64, next++);
  link.finish();
}

// The calls that a signal interrupts go on as if nothing had been, whoever waits.
void check_signals(const Subject& subject) {
  constexpr std::uint64_t kSlowOnes = 40;
  constexpr std::uint64_t kAll = 600;
  constexpr std::size_t kBytes = 3000;
  Signal seen;
  Linked link(subject, {.message_bytes = kBytes}, Role::receiver, [&](End out) {
    const SignalStorm storm;
    for (std::uint64_t i = 0; i < kAll; ++i) {
      if (i < kSlowOnes) nap(5ms);
      send_numbered(*out, kBytes, i, kBothCalls[i % 2]);
    }
    seen.wait();
  });
  const SignalStorm storm;
  AnyEndpoint& in = link.here();
  for (std::uint64_t i = 0; i < kAll; ++i) {
    if (i >= kSlowOnes && i % 100 == 0) nap(kShort);
    receive_numbered(in, kBytes, i, kBothCalls[i % 2]);
  }
  Buffer message;
  expect_timeout("receive", [&](Deadline deadline) { return in.receive_until(message, deadline); });
  expect_timeout("ready", [&](Deadline deadline) { return in.ready(deadline); });
  seen.raise();
  link.finish();
}

void check_short_deadlines(const Subject& subject) {
  constexpr std::uint64_t kMessages = 300;
  constexpr std::size_t kBytes = 3000;
  Linked link(subject, {.message_bytes = kBytes}, Role::receiver, [&](End out) {
    Buffer message;
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      nap(std::chrono::microseconds(i * 37 % 300));
      fill(message, kBytes, i);
      Status status;
      do {
        status = out->send_until(message.bytes(), Deadline::after(50us));
      } while (status == Status::timed_out);
      expect_status(status, Status::ok, "send of message ", i);
    }
  });
  Buffer message;
  const Deadline limit = Deadline::after(2 * patience);
  for (std::uint64_t i = 0; i < kMessages;) {
    const Status status = link.here().receive_until(message, Deadline::after(100us));
    if (status == Status::timed_out) {
      expect(!limit.passed(), "message ", i, " does not come");
      continue;
    }
    expect_status(status, Status::ok, "receive of message ", i);
    expect_numbered(message, kBytes, i);
    ++i;
  }
  link.finish();
}

void check_ready(const Subject& subject) {
  Signal wanted;
  Linked link(subject, {}, Role::receiver, [&](End out) {
    wanted.wait();
    for (std::uint64_t i = 0; i < 3; ++i) send_numbered(*out, i == 1 ? 0 : 64, i);
  });
  AnyEndpoint& in = link.here();
  expect_status(in.ready(Deadline::now()), Status::timed_out, "ready, with nothing sent");
  wanted.raise();
  for (std::uint64_t i = 0; i < 3; ++i) {
    expect_status(in.ready(Deadline::after(patience)), Status::ok, "ready, with a message sent");
    expect_status(in.ready(Deadline::now()), Status::ok, "ready, asked again");
    expect_status(in.ready(Deadline::never()), Status::ok, "ready until never, asked again");
    Buffer message;
    expect_status(in.receive_until(message, Deadline::now()), Status::ok,
                  "receive of what is ready");
    expect_numbered(message, i == 1 ? 0 : 64, i);
  }
  link.finish();
}

void check_wait_fd(const Subject& subject) {
  Signal wanted;
  Signal quiet;
  Linked link(subject, {}, Role::receiver, [&](End out) {
    for (std::uint32_t i = 0; i < 3; ++i) {
      wanted.wait(i + 1);
      nap(kShort / 4);
      send_numbered(*out, 64, i);
    }
    quiet.wait();
  });
  AnyEndpoint& in = link.here();
  const int fd = in.wait_fd();
  expect(fd >= 0, "it has no descriptor to wait for, though it is called waitable by one");
  const auto readable = [fd](Deadline deadline) {
    return (poll_until(fd, POLLIN, deadline) & POLLIN) != 0;
  };
  for (std::uint64_t i = 0; i < 3; ++i) {
    expect(!readable(Deadline::now()), "the descriptor is readable though nothing came");
    wanted.raise();
    expect(readable(Deadline::after(patience)), "the descriptor did not announce message ", i);
    receive_numbered(in, 64, i);
  }
  quiet.raise();
  link.finish();
  if (subject.when_alone == Status::closed) {
    const int events = poll_until(fd, POLLIN, Deadline::after(patience));
    expect(events > 0 && (events & (POLLIN | POLLHUP)) != 0 && (events & POLLNVAL) == 0,
           "the descriptor did not announce the end of the stream: events ", events);
  }
}

// ---- Excuses

std::optional<std::string> needs_descriptor(const Traits& traits) {
  if (traits.waitable == Waitable::descriptor) return std::nullopt;
  return "it is waited for in slices, not by a descriptor";
}

namespace {

// Stops the peer ten times, as soon as it has begun.
void stop_at_times(Peer& peer, Signal& begun) {
  std::mt19937 random(std::random_device{}());
  begun.wait();
  for (int times = 0; times < 10; ++times) {
    nap(std::chrono::microseconds(random() % 1000));
    peer.signal(SIGSTOP);
    nap(std::chrono::milliseconds(5));
    peer.signal(SIGCONT);
  }
}

// Receives until it has as many as `sent` says in the end.
void receive_all(AnyEndpoint& in, std::size_t size, const Told& sent, Signal* begun) {
  Buffer message;
  for (std::uint64_t next = 0; next != sent->load();) {
    const Status status = in.receive_until(message, Deadline::after(std::chrono::milliseconds(2)));
    if (status == Status::timed_out) continue;
    if (status == Status::closed && next == sent->load()) return;
    expect_status(status, Status::ok, "receive where one side is stopped at times");
    expect_numbered(message, size, next++);
    if (begun != nullptr) begun->raise();
  }
}

// Sends until there is enough, and tells how many that were.
void send_until_enough(AnyEndpoint& out, std::size_t size, Signal& enough, const Told& sent,
                       Signal* begun) {
  std::uint64_t next = 0;
  do {
    send_numbered(out, size, next++, Calls::plain);
    if (next == 1 && begun != nullptr) begun->raise();
  } while (enough.raised() == 0);
  sent->store(next);
  static_cast<void>(out.flush(Deadline::after(patience)));
}

// The peer is stopped at times, which has the one role while the other is here.
void check_stopped(const Subject& subject, Role here) {
  for (const std::size_t wanted : {64u, 20'000u}) {
    const std::size_t size = std::min<std::size_t>(subject.traits.max_message, wanted);
    Signal begun;
    Signal enough;
    const Told sent{~std::uint64_t{0}};
    const auto send_or_receive = [&, size](AnyEndpoint& end, Role role, Signal* begins) {
      role == Role::sender ? send_until_enough(end, size, enough, sent, begins)
                           : receive_all(end, size, sent, begins);
    };
    const Role there = here == Role::sender ? Role::receiver : Role::sender;
    Linked link(subject, {.message_bytes = size}, here,
                [&](auto other) { send_or_receive(*other, there, &begun); });
    Peer stopper(Peers::threads, [&] {
      stop_at_times(link.peer(), begun);
      enough.raise();
    });
    send_or_receive(link.here(), here, nullptr);
    stopper.finish();
    link.finish();
  }
}

}  // namespace

void check_stopped_sender(const Subject& subject) { check_stopped(subject, Role::receiver); }
void check_stopped_receiver(const Subject& subject) { check_stopped(subject, Role::sender); }

}  // namespace ipc
