// SPDX-License-Identifier: MIT
// What each side of a pipe reads from and writes to, where the transport goes one way: there is one
// each way, or one alone from side 1 to side 0.
#pragma once

#include <utility>
#include <vector>

#include "impl/os/stream.h"
#include "impl/pipe/backend.h"

namespace ipc {

class EndsOfSides {
 public:
  // `make` gives the ends of one transport.
  template <class Make>
  EndsOfSides(bool duplex, const Make& make) {
    join(1, 0, make());
    if (duplex) join(0, 1, make());
  }
  explicit EndsOfSides(SentSide& sent) {
    if (sent.receives()) sides_[sent.side].read = sent.take();
    if (sent.sends()) sides_[sent.side].write = sent.take();
  }

  const PipeEnds& of(int side) const { return sides_[side]; }
  PipeEnds take(int side) { return std::move(sides_[side]); }
  void drop(int side) { sides_[side] = {}; }
  std::vector<UniqueFd> duplicates(int side) const {
    std::vector<UniqueFd> ends;
    for (const UniqueFd* end : {&sides_[side].read, &sides_[side].write}) {
      if (*end) ends.push_back(duplicate(*end));
    }
    return ends;
  }

 private:
  void join(int from, int to, PipeEnds ends) {
    sides_[from].write = std::move(ends.write);
    sides_[to].read = std::move(ends.read);
  }

  PipeEnds sides_[2];
};

}  // namespace ipc
