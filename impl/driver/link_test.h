// SPDX-License-Identifier: MIT
// What the contracts of pipes and queues are checked on: a Link, one way from a sender to a
// receiver, and the numbered messages that go over it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "impl/driver/endpoint.h"
#include "impl/driver/peers_test.h"
#include "impl/driver/traits.h"

namespace ipc {

struct LinkOptions {
  std::size_t message_bytes = 64;  // the largest
  std::uint32_t max_items = 0;
};

class Link {
 public:
  virtual ~Link() = default;
  // Once in a process that is one of both; what it is not, it drops.
  virtual std::unique_ptr<AnyEndpoint> open_sender() = 0;
  virtual std::unique_ptr<AnyEndpoint> open_receiver() = 0;
  virtual void drop_sender() = 0;
  virtual void drop_receiver() = 0;
  virtual std::size_t capacity_bytes() const = 0;
};

// A backend as the checks see it.
struct Subject {
  Traits traits;
  Peers peers;
  std::function<std::unique_ptr<Link>(const LinkOptions&)> make;
  Status when_alone;  // what a receive with a deadline says when no sender is left and all was read
  std::uint32_t exact_items = 0;  // the max_items that it must keep to, 0 if its bound is another
};

enum class Role { sender, receiver };

// A link with one end here and the other in a peer, which runs `other` and may close its end before
// it returns.
class Linked {
 public:
  using Body = std::function<void(std::unique_ptr<AnyEndpoint>)>;

  Linked(const Subject& subject, const LinkOptions& options, Role here, const Body& other);

  AnyEndpoint& here() { return *here_; }
  void close_here() { here_.reset(); }
  Peer& peer() { return *peer_; }
  void finish() { peer_->finish(); }
  std::size_t capacity_bytes() const { return link_->capacity_bytes(); }

 private:
  // In this order: the end here is closed first, so that a thread that waits for it ends.
  std::unique_ptr<Link> link_;
  std::optional<Peer> peer_;
  std::unique_ptr<AnyEndpoint> here_;
};

// Calls that must come to an end: waiting for ever, or with a deadline far away, which is other
// code in a backend.
enum class Calls { plain, timed };
inline constexpr Calls kBothCalls[] = {Calls::plain, Calls::timed};
Status send(AnyEndpoint& end, std::span<const std::byte> message, Calls calls);
Status receive(AnyEndpoint& end, Buffer& message, Calls calls);

// Message number `sequence`: every byte follows from the arguments. From 8 bytes on it carries a
// tag (payload.h).
void fill(Buffer& message, std::size_t size, std::uint64_t sequence, std::uint32_t producer = 0);
// The tag of a whole message; fails when the size is another one or the bytes do not belong
// together.
std::uint64_t tag_of(const Buffer& message, std::size_t size);
// Fails when it is not that message of producer 0, to the byte.
void expect_numbered(const Buffer& message, std::size_t size, std::uint64_t sequence);
// Fail when the call does not say ok.
void send_numbered(AnyEndpoint& end, std::size_t size, std::uint64_t sequence,
                   Calls calls = Calls::timed, std::uint32_t producer = 0);
void receive_numbered(AnyEndpoint& end, std::size_t size, std::uint64_t sequence,
                      Calls calls = Calls::timed);

}  // namespace ipc
