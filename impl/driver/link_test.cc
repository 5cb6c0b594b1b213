// SPDX-License-Identifier: MIT
#include "impl/driver/link_test.h"

#include <algorithm>

#include "impl/driver/payload.h"

namespace ipc {
namespace {

std::byte short_byte(std::size_t place, std::uint64_t sequence, std::uint32_t producer) {
  return static_cast<std::byte>(sequence * 37 + place * 11 + producer * 101);
}

std::unique_ptr<AnyEndpoint> open(Link& link, Role role) {
  return role == Role::sender ? link.open_sender() : link.open_receiver();
}
void drop(Link& link, Role role) {
  role == Role::sender ? link.drop_sender() : link.drop_receiver();
}

}  // namespace

Linked::Linked(const Subject& subject, const LinkOptions& options, Role here, const Body& other)
    : link_(subject.make(options)) {
  const Role there = here == Role::sender ? Role::receiver : Role::sender;
  if (subject.peers == Peers::processes) {
    peer_.emplace(Peers::processes, [&] {
      drop(*link_, here);
      other(open(*link_, there));
    });
    drop(*link_, there);
    here_ = open(*link_, here);
  } else {
    here_ = open(*link_, here);
    // std::function copies, an endpoint moves.
    const auto held = std::make_shared<std::unique_ptr<AnyEndpoint>>(open(*link_, there));
    peer_.emplace(Peers::threads, [held, other] { other(std::move(*held)); });
  }
}

Status send(AnyEndpoint& end, std::span<const std::byte> message, Calls calls) {
  return calls == Calls::plain ? end.send(message)
                               : end.send_until(message, Deadline::after(patience));
}

Status receive(AnyEndpoint& end, Buffer& message, Calls calls) {
  return calls == Calls::plain ? end.receive(message)
                               : end.receive_until(message, Deadline::after(patience));
}

void fill(Buffer& message, std::size_t size, std::uint64_t sequence, std::uint32_t producer) {
  message.resize(size);
  if (size >= kMinPayload) {
    fill_payload(message.bytes(), make_tag(producer, sequence));
  } else {
    for (std::size_t i = 0; i < size; ++i) message.data()[i] = short_byte(i, sequence, producer);
  }
}

std::uint64_t tag_of(const Buffer& message, std::size_t size) {
  expect(message.size() == size, "a message has ", message.size(), " bytes instead of ", size);
  std::uint64_t tag = 0;
  expect(check_payload(message.bytes(), tag), "a message of ", size,
         " bytes is torn: its bytes were not sent together");
  return tag;
}

void expect_numbered(const Buffer& message, std::size_t size, std::uint64_t sequence) {
  expect(message.size() == size, "message ", sequence, " has ", message.size(),
         " bytes instead of ", size);
  if (size >= kMinPayload) {
    const std::uint64_t tag = tag_of(message, size);
    expect(tag == make_tag(0, sequence), "message ", sequence_of(tag), " of producer ",
           producer_of(tag), " came in place of message ", sequence);
  } else {
    for (std::size_t i = 0; i < size; ++i) {
      expect(message.data()[i] == short_byte(i, sequence, 0), "byte ", i, " of message ", sequence,
             " is another one than was sent");
    }
  }
}

void send_numbered(AnyEndpoint& end, std::size_t size, std::uint64_t sequence, Calls calls,
                   std::uint32_t producer) {
  Buffer message;
  fill(message, size, sequence, producer);
  expect_status(send(end, message.bytes(), calls), Status::ok, "send of message ", sequence, ", ",
                size, " bytes");
}

void receive_numbered(AnyEndpoint& end, std::size_t size, std::uint64_t sequence, Calls calls) {
  Buffer message;
  expect_status(receive(end, message, calls), Status::ok, "receive of message ", sequence, ", ",
                size, " bytes");
  expect_numbered(message, size, sequence);
}

}  // namespace ipc
