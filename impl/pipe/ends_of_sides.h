// SPDX-License-Identifier: MIT
// What each side of a pipe reads from and writes to, where the transport goes one way: there is one
// each way, or one alone from side 1 to side 0.
#pragma once

#include <utility>

#include "impl/os/stream.h"

namespace ipc {

class EndsOfSides {
 public:
  // `make` gives the ends of one transport.
  template <class Make>
  EndsOfSides(bool duplex, const Make& make) {
    join(1, 0, make());
    if (duplex) join(0, 1, make());
  }

  const PipeEnds& of(int side) const { return sides_[side]; }
  PipeEnds take(int side) { return std::move(sides_[side]); }
  void drop(int side) { sides_[side] = {}; }

 private:
  void join(int from, int to, PipeEnds ends) {
    sides_[from].write = std::move(ends.write);
    sides_[to].read = std::move(ends.read);
  }

  PipeEnds sides_[2];
};

}  // namespace ipc
