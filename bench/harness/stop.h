// SPDX-License-Identifier: MIT
// Being asked to end, by SIGINT, SIGTERM or SIGHUP: taken only where the program waits for its
// peers, as an exception, so that these are ended and all kernel objects are gone before it ends.
#pragma once

#include <poll.h>

#include <vector>

namespace ipc::bench {

// No std::exception: it is no failure of a series.
struct Stopped {
  int signal;
};

// From now on those of the signals that are not ignored wait for poll_or_stop. Children inherit
// that; they are ended by the one that has forked them. Called once, before there is another
// thread.
void hold_stop_signals();

// As ppoll(2), but throws Stopped when a signal has come, before or meanwhile.
int poll_or_stop(std::vector<pollfd>& waiting, const timespec& limit);

// Ends the program as the signal does by default.
[[noreturn]] void end_by(const Stopped& stopped);

}  // namespace ipc::bench
