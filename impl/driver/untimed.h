// SPDX-License-Identifier: MIT
// The calls that wait for ever, for an endpoint to which that is no case of its own.
#pragma once

#include <cstddef>
#include <span>

#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

// `class End : public Untimed<End>` has send and receive by its send_until and receive_until.
template <class End>
class Untimed {
 public:
  Status send(std::span<const std::byte> message) {
    return self().send_until(message, Deadline::never());
  }
  Status receive(Buffer& message) { return self().receive_until(message, Deadline::never()); }

 private:
  End& self() { return static_cast<End&>(*this); }
};

}  // namespace ipc
