// SPDX-License-Identifier: MIT
// A connection over two rings in shared memory, as shm_ring has it (impl/pipe/message_ring.h). The
// two sides meet at a unix stream socket: the server makes the rings, and sends one byte with their
// descriptors. The socket carries no more; it stays open to tell that the other side has gone.
//
// They meet in the first call of each side, not before: who accepts waits for nobody.
//
// A message is its length in 8 bytes and its content: one piece in a ring, or several, each a
// quarter of it, where that is over its half. Nothing that stands in a ring is believed. A length
// is read once, and what is longer than the limit gets no memory.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "impl/manager/authentication.h"
#include "impl/manager/backend.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/unique_fd.h"
#include "impl/pipe/message_ring.h"

namespace ipc {

// The rings of a connection.
struct RingWays {
  static constexpr std::size_t kCapacity = 64 * 1024;  // of each, in bytes

  RingWays() = default;
  // Of another process. Throws Error when they are none.
  RingWays(UniqueFd to_the_server, UniqueFd to_the_client)
      : to_server(std::move(to_the_server)), to_client(std::move(to_the_client)) {}

  ring::Way to_server{kCapacity};
  ring::Way to_client{kCapacity};
};

// How the two sides meet. `byte`: for both the same, or they do not speak alike and it is corrupt.
// Both throw std::system_error when this process can have no more memory or descriptors. The server
// does not wait.
Status make_rings(const UniqueFd& socket, char byte, std::unique_ptr<RingWays>& ways);
Status receive_rings(const UniqueFd& socket, char byte, std::unique_ptr<RingWays>& ways,
                     Deadline deadline);

template <WaitClass kWaits>
class RingLink final : public Link {
 public:
  // `socket` is connected with the other side's, and not used for anything else.
  RingLink(UniqueFd socket, detail::Role role)
      : is_server_(role == detail::Role::server), fd_(socket.get()), socket_(std::move(socket)) {}

  // For no longer than it waits for a message: who never reads must not keep a thread.
  Status send(std::span<const std::byte> message) override {
    if (message.size() > kLongestMessage) return Status::too_big;
    const Deadline deadline = in_time();
    if (Status s = meet(deadline); s != Status::ok) return late_is_an_error(s);
    const std::uint64_t length = message.size();
    const std::size_t all = kPrefix + message.size();
    for (std::size_t left = all; left != 0;) {
      const std::size_t size = all <= ends_->largest_piece() ? all : std::min(left, kPiece);
      std::span<std::byte> room;
      if (Status s = ends_->out.reserve(size, room, deadline); s != Status::ok) {
        return late_is_an_error(s);
      }
      if (left == all) {
        std::memcpy(room.data(), &length, kPrefix);
        room = room.subspan(kPrefix);
      }
      if (!room.empty()) std::memcpy(room.data(), message.data(), room.size());
      ends_->out.commit();
      message = message.subspan(room.size());
      left -= size;
    }
    return Status::ok;
  }

  Status receive(Buffer& message) override {
    const Deadline deadline = in_time();
    if (Status s = meet(deadline); s != Status::ok) return late_is_an_error(s);
    std::span<const std::byte> piece;
    if (Status s = peek(piece, deadline); s != Status::ok) return s;
    if (piece.size() < kPrefix) return Status::corrupt;
    // Once: the other side can still write there. It begins at a multiple of 8.
    const std::uint64_t length =
        __atomic_load_n(reinterpret_cast<const std::uint64_t*>(piece.data()), __ATOMIC_RELAXED);
    if (length > most_) return Status::corrupt;
    message.resize(length);  // may throw: the message is still there then
    piece = piece.subspan(kPrefix);
    for (std::size_t got = 0;;) {
      if (piece.size() > length - got) return Status::corrupt;
      if (!piece.empty()) std::memcpy(message.data() + got, piece.data(), piece.size());
      got += piece.size();
      ends_->in.release();
      if (got == length) return Status::ok;
      if (Status s = peek(piece, deadline); s != Status::ok) return cut_off(s);
      if (piece.empty()) return Status::corrupt;  // it would have no end
    }
  }

  void limit(std::size_t most, std::optional<std::chrono::seconds> patience) override {
    most_ = most;
    patience_ = patience;
  }
  int hang_up_fd() const override { return fd_; }

 private:
  static constexpr std::size_t kPrefix = sizeof(std::uint64_t);
  static constexpr std::size_t kPiece = RingWays::kCapacity / 4;
  // Who spins wakes nobody, so the other side must spin as well.
  static constexpr char kByte = kWaits == WaitClass::spin ? 's' : 'a';

  struct Ends {
    Ends(std::unique_ptr<RingWays> made, bool is_server, UniqueFd socket)
        : ways(std::move(made)),
          side{is_server ? 0 : 1, LifetimeToken(0, std::move(socket)).take(0),
               ways->to_server.state->cpus},
          in(is_server ? ways->to_server : ways->to_client, side),
          out(is_server ? ways->to_client : ways->to_server, side) {}
    std::size_t largest_piece() const { return ways->to_server.largest_piece; }

    const std::unique_ptr<RingWays> ways;
    const ring::Side side;
    ring::Receiver<kWaits> in;
    ring::Sender<kWaits> out;
  };

  Deadline in_time() const { return patience_ ? Deadline::after(*patience_) : Deadline::never(); }

  Status meet(Deadline deadline) {
    if (ends_) return Status::ok;
    std::unique_ptr<RingWays> ways;
    const Status met = is_server_ ? make_rings(socket_, kByte, ways)
                                  : receive_rings(socket_, kByte, ways, deadline);
    if (met == Status::ok) ends_.emplace(std::move(ways), is_server_, std::move(socket_));
    return met;
  }

  Status peek(std::span<const std::byte>& piece, Deadline deadline) {
    const Status status = ends_->in.peek(piece, deadline);
    // No sender of ours makes a piece that is not in the ring as a whole.
    return status == Status::too_big ? Status::corrupt : late_is_an_error(status);
  }

  static Status late_is_an_error(Status status) {
    if (status != Status::timed_out) return status;
    errno = EAGAIN;  // as of a socket with a limit
    return Status::system_error;
  }

  const bool is_server_;
  const int fd_;
  UniqueFd socket_;           // until they have met
  std::optional<Ends> ends_;  // from then on
  std::size_t most_ = kLongestMessage;
  std::optional<std::chrono::seconds> patience_;
};

}  // namespace ipc
