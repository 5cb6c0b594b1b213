// SPDX-License-Identifier: MIT
#include "impl/driver/handover_checks_test.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "impl/driver/loops.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;
using End = std::unique_ptr<AnyEndpoint>;

constexpr std::chrono::milliseconds kShort{20};
constexpr std::size_t kLong = 300'000;  // more than the transport holds

// Of small messages mostly, of empty ones, and of some that no transport holds as a whole.
std::size_t size_of(std::uint64_t sequence) {
  constexpr std::array<std::size_t, 8> kSizes = {64, 0, 8, 1000, 5, 4096, 63, 20'000};
  return sequence % 97 == 96 ? kLong : kSizes[sequence % kSizes.size()];
}

// So many messages from number `first` on.
class Batch {
 public:
  Batch(std::uint64_t first, std::size_t count) : buffers_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      fill(buffers_[i], size_of(first + i), first + i);
      messages_.push_back(buffers_[i].bytes());
    }
  }
  std::span<const std::span<const std::byte>> messages() const { return messages_; }

 private:
  std::vector<Buffer> buffers_;
  std::vector<std::span<const std::byte>> messages_;
};

void send_in_place(AnyEndpoint& out, std::size_t size, std::uint64_t sequence) {
  std::span<std::byte> room;
  expect_status(out.reserve(size, room, Deadline::after(patience)), Status::ok, "reserve");
  expect(room.size() == size, "reserve gave ", room.size(), " bytes instead of ", size);
  Buffer message;
  fill(message, size, sequence);
  if (size != 0) std::memcpy(room.data(), message.data(), size);
  out.commit();
}

void peek_numbered(AnyEndpoint& in, std::size_t size, std::uint64_t sequence) {
  std::span<const std::byte> seen;
  expect_status(in.peek(seen, Deadline::after(patience)), Status::ok, "peek");
  Buffer copy(seen.size());
  if (!seen.empty()) std::memcpy(copy.data(), seen.data(), seen.size());
  expect_numbered(copy, size, sequence);
}

void check_batch_order(const Subject& subject) {
  constexpr std::uint64_t kMessages = 1000;
  Linked link(subject, {.message_bytes = kLong}, Role::receiver, [](End out) {
    for (std::uint64_t next = 0; next < kMessages;) {
      if (next % 5 == 0) {  // mixed with single ones
        send_numbered(*out, size_of(next), next);
        ++next;
        continue;
      }
      const std::size_t count = std::min<std::size_t>(next % 19, kMessages - next);
      const Batch batch(next, count);
      std::size_t sent = count + 1;
      expect_status(out->send_batch(batch.messages(), sent, Deadline::never()), Status::ok,
                    "send_batch");
      expect(sent == count, "send_batch sent ", sent, " of ", count);
      next += count;
      if (count == 0) send_numbered(*out, size_of(next), next), ++next;
    }
  });
  std::vector<Buffer> buffers(7);
  for (std::uint64_t next = 0; next < kMessages;) {
    if (next % 11 == 3) {
      receive_numbered(link.here(), size_of(next), next);
      ++next;
      continue;
    }
    std::size_t received = 0;
    expect_status(link.here().receive_batch(buffers, received, Deadline::after(patience)),
                  Status::ok, "receive_batch");
    expect(received > 0 && received <= buffers.size(), "receive_batch received ", received);
    for (std::size_t i = 0; i < received; ++i, ++next) {
      expect_numbered(buffers[i], size_of(next), next);
    }
  }
  link.finish();
  std::size_t received = 1;
  expect_status(link.here().receive_batch(buffers, received, Deadline::after(patience)),
                subject.when_alone, "receive_batch at the end");
  expect(received == 0, "receive_batch at the end received ", received);
}

void check_batch_deadlines(const Subject& subject) {
  Signal filled;
  Shared<std::atomic<std::uint64_t>> total{0u};
  Linked link(subject, {.message_bytes = kLong}, Role::sender, [&](End in) {
    std::vector<Buffer> buffers(3);
    std::size_t received = 1;
    expect_status(in->receive_batch(buffers, received, Deadline::after(kShort)), Status::timed_out,
                  "receive_batch with nothing sent");
    expect(received == 0, "receive_batch that timed out received ", received);
    filled.raise();
    filled.wait(2);
    for (std::uint64_t next = 0; next < total->load(); ++next) {
      receive_numbered(*in, size_of(next), next);
    }
    expect_status(in->receive_batch(buffers, received, Deadline::after(kShort)), Status::timed_out,
                  "receive_batch of what was not sent");
    filled.raise();
  });
  filled.wait(1);
  std::uint64_t next = 0;
  Status status;
  do {
    const Batch batch(next, 5);
    std::size_t sent = 0;
    status = link.here().send_batch(batch.messages(), sent, Deadline::after(kShort));
    expect(status == (sent == 5 ? Status::ok : Status::timed_out), "send_batch sent ", sent,
           " and says ", to_string(status));
    next += sent;
    expect(next < 96, "it takes messages without end");
  } while (status == Status::ok);
  expect(next > 5, "it was full after ", next, " messages");
  total->store(next);
  filled.raise();
  filled.wait(3);
  link.finish();
}

void check_in_place_order(const Subject& subject) {
  constexpr std::uint64_t kMessages = 2000;
  const auto size_at = [](std::uint64_t i) { return size_of(i % 96); };
  Linked link(subject, {.message_bytes = kLong}, Role::receiver, [size_at](End out) {
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      if (i % 3 == 0) {
        send_numbered(*out, size_at(i), i);
        continue;
      }
      std::span<std::byte> forgotten;
      if (i % 5 == 0) {
        expect_status(out->reserve(1234, forgotten, Deadline::never()), Status::ok, "reserve");
        std::memset(forgotten.data(), 0xff, forgotten.size());
      }
      send_in_place(*out, size_at(i), i);
    }
  });
  for (std::uint64_t i = 0; i < kMessages; ++i) {
    if (i % 4 == 0) {
      receive_numbered(link.here(), size_at(i), i);
      continue;
    }
    peek_numbered(link.here(), size_at(i), i);
    if (i % 7 == 0) peek_numbered(link.here(), size_at(i), i);
    link.here().release();
  }
  link.finish();
  std::span<const std::byte> nothing;
  expect_status(link.here().peek(nothing, Deadline::after(patience)), subject.when_alone,
                "peek at the end");
}

void check_in_place_limits(const Subject& subject) {
  Signal asked;
  Shared<std::atomic<std::uint64_t>> total{0u};
  Linked link(subject, {.message_bytes = kLong}, Role::receiver, [&](End out) {
    asked.wait();
    std::span<std::byte> room;
    expect_status(out->reserve(kLong, room, Deadline::now()), Status::too_big,
                  "reserve of more than it holds");
    send_numbered(*out, kLong, 0);
    // Full in the end, with deadlines that pass.
    std::uint64_t sent = 1;
    for (;; ++sent) {
      const Status status = out->reserve(20'000, room, Deadline::after(kShort));
      if (status == Status::timed_out) break;
      expect_status(status, Status::ok, "reserve");
      expect(sent < 1000, "it takes messages without end");
      send_in_place(*out, 20'000, sent);
    }
    asked.raise();
    send_in_place(*out, 20'000, sent++);
    total->store(sent);
  });
  AnyEndpoint& in = link.here();
  std::span<const std::byte> seen;
  expect_status(in.peek(seen, Deadline::after(kShort)), Status::timed_out, "peek at nothing");
  asked.raise();
  expect_status(in.peek(seen, Deadline::after(patience)), Status::too_big,
                "peek at what is not there in one piece");
  receive_numbered(in, kLong, 0);
  asked.wait(2);
  std::uint64_t next = 1;
  for (;; ++next) {
    const Status status = in.peek(seen, Deadline::after(patience));
    if (status == subject.when_alone) break;
    expect_status(status, Status::ok, "peek");
    peek_numbered(in, 20'000, next);
    in.release();
  }
  link.finish();
  expect(next == total->load(), "of ", total->load(), " messages came ", next);
}

}  // namespace

void check_batches(const Subject& subject) {
  check_batch_order(subject);
  check_batch_deadlines(subject);
}

void check_in_place(const Subject& subject) {
  check_in_place_order(subject);
  check_in_place_limits(subject);
}

void check_carriages(const Subject& subject) {
  for (const Carriage carriage : {Carriage::objects, Carriage::batches, Carriage::in_place}) {
    if (carriage == Carriage::batches && !subject.traits.batches) continue;
    if (carriage == Carriage::in_place && !subject.traits.in_place) continue;
    const LoopPlan plan{.bytes = 64, .messages = 3001, .carriage = carriage};
    Shared<std::atomic<std::uint64_t>> sum{0u};
    Linked link(subject, {.message_bytes = 100}, Role::receiver, [&](End out) {
      const LoopResult sent = out->stream_out(plan);
      expect(sent.fault == Fault::none && sent.messages == plan.messages,
             "stream_out ended with fault ", static_cast<int>(sent.fault), ", ",
             to_string(sent.status), ", carriage ", static_cast<int>(carriage));
      sum->store(sent.sum);
    });
    SequenceCheck check;
    const LoopResult got = link.here().stream_in(plan, check);
    expect(got.fault == Fault::none && got.messages == plan.messages, "stream_in ended with fault ",
           static_cast<int>(got.fault), ", ", to_string(got.status), ", carriage ",
           static_cast<int>(carriage));
    link.finish();
    expect(got.sum == sum->load(), "stream_in received other tags than stream_out sent");
  }
}

}  // namespace ipc
