// SPDX-License-Identifier: MIT
// Who still holds a pipe, for pipes whose transport does not know its users: a socketpair that
// carries nothing, one end for each side. Fork copies the ends and the kernel counts the copies, so
// a side is gone when the last process that held it has let go or ended, however.
#pragma once

#include <utility>

#include "impl/os/unique_fd.h"

namespace ipc {

// Two sides, 0 and 1. Constructed before the processes that use it, which hold both at first: each
// takes over or drops its hold on a side.
class Lifetime {
 public:
  // What a process has of one side, until destruction. Any thread may ask.
  class Hold {
   public:
    // True when nobody holds the other side. One short system call.
    bool is_alone() const;
    // For poll(2): POLLHUP when nobody holds the other side.
    int fd() const { return end_.get(); }

   private:
    friend class Lifetime;
    explicit Hold(UniqueFd end) : end_(std::move(end)) {}
    UniqueFd end_;
  };

  Lifetime();  // throws std::system_error

  // REQUIRES: this process has neither taken nor dropped the side.
  Hold take(int side) { return Hold(std::move(ends_[side])); }
  void drop(int side) { ends_[side].reset(); }

 private:
  UniqueFd ends_[2];
};

}  // namespace ipc
