// SPDX-License-Identifier: MIT
// The end of stream for a transport that has none: tells one side that nobody holds the other any
// more. It is a socketpair that carries nothing. Each side has one end; the kernel counts who holds
// it, through forks and kills, and hangs the other end up when that was the last.
//
// What was sent before the end is still in the transport when the end is told.
#pragma once

#include <cstdint>
#include <utility>

#include "impl/os/deadline.h"
#include "impl/os/socket.h"
#include "impl/os/status.h"
#include "impl/os/unique_fd.h"

namespace ipc {

class LifetimeToken {
 public:
  class Hold;
  class Watch;

  LifetimeToken();  // throws std::system_error
  // Of this side alone, which another process has by the same token: `end` is a duplicate of its.
  LifetimeToken(int side, UniqueFd end) { pair_.ends[side] = std::move(end); }

  // What this process holds of a side. REQUIRES: neither taken nor dropped before in this process.
  Hold take(int side);
  void drop(int side) { pair_.ends[side].reset(); }
  UniqueFd duplicate_of(int side) const { return duplicate(pair_.ends[side]); }

 private:
  SocketPair pair_;
};

// A process's hold on one side: the side is there as long as there is one.
class LifetimeToken::Hold {
 public:
  Hold() = default;  // on nothing, for transports that need none
  explicit operator bool() const { return static_cast<bool>(end_); }

  // Nobody holds the other side any more. One short system call.
  bool is_alone() const;
  // poll(2) reports it readable and hung up when nobody holds the other side any more.
  int fd() const { return end_.get(); }

 private:
  friend class LifetimeToken;
  explicit Hold(UniqueFd end) : end_(std::move(end)) {}

  UniqueFd end_;
};

inline LifetimeToken::Hold LifetimeToken::take(int side) {
  return Hold(std::move(pair_.ends[side]));
}

// Sleeps for a transport and the end together.
class LifetimeToken::Watch {
 public:
  // `events` of the transport's descriptor, as epoll_ctl(2) takes them. Throws std::system_error.
  // REQUIRES: hold.
  Watch(const Hold& hold, int transport, std::uint32_t events);

  // ok: one of the events. closed: none, and nobody holds the other side any more.
  Status wait(Deadline deadline) const;
  // poll(2) reports it readable when wait would not wait.
  int fd() const { return set_.get(); }

 private:
  UniqueFd set_;
};

}  // namespace ipc
