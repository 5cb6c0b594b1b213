// SPDX-License-Identifier: MIT
// The endpoint of every pipe whose transport keeps packets apart and limits their size. A message
// is a packet: 4 bytes of length, as a stream's frame has (stream.h), and the payload; so no packet
// is empty, which some transports take for the end. What a packet has no room for follows in
// further packets, of payload alone. A message has at most kMaxFrame bytes.
//
// With a deadline, the limit is for the first packet; a message begun is finished.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "impl/driver/untimed.h"
#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/status.h"
#include "impl/os/stream.h"
#include "impl/os/unique_fd.h"

struct iovec;

namespace ipc {

class PacketEndpoint : public Untimed<PacketEndpoint> {
 public:
  // `out` empty: both directions use `in`. `hold` empty: the transport itself knows the end. Both
  // sides must name the same `packet_bytes`.
  PacketEndpoint(UniqueFd in, UniqueFd out, LifetimeToken::Hold hold, std::size_t packet_bytes);

  Status send_until(std::span<const std::byte> message, Deadline deadline);
  Status receive_until(Buffer& message, Deadline deadline);
  Status ready(Deadline deadline) const;
  int wait_fd() const;

 private:
  Status give(std::span<iovec> parts, Deadline deadline);
  Status take(std::span<iovec> parts, Deadline deadline, std::size_t& size);
  Status wait_for_packet(Deadline deadline) const;

  UniqueFd in_;
  UniqueFd out_;
  LifetimeToken::Hold hold_;
  std::optional<LifetimeToken::Watch> watch_;  // of what comes in, where there is a hold
  int out_fd_;
  std::size_t packet_bytes_;
  // Where a packet goes on that is longer than the caller's buffer.
  std::unique_ptr<std::byte[]> overflow_;
  // The other side went with messages of ours unread: a receive says so, once, before the end.
  // Relaxed: it is news for either direction, and guards nothing.
  std::atomic<bool> reset_ = false;
  bool broken_ = false;  // the rest of a message may still be there
};

}  // namespace ipc
