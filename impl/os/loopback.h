// SPDX-License-Identifier: MIT
// TCP connections of this process with itself, over 127.0.0.1.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "impl/os/unique_fd.h"

namespace ipc {

struct LoopbackConnection {
  UniqueFd active;   // the end that connected
  UniqueFd passive;  // the end that was accepted; it has its options from the listener
};

// `prepare` sets the options of the two sockets before they meet. The port is open to everybody for
// that moment; who else comes is turned away. Throws std::system_error.
LoopbackConnection connect_over_loopback(
    const std::function<void(int listener, int active)>& prepare);

// Why this machine cannot: it has no loopback interface, or that is down.
std::optional<std::string> why_no_loopback();

// No Nagle: what is sent leaves at once. Throws std::system_error.
void set_no_delay(int tcp);

}  // namespace ipc
