// SPDX-License-Identifier: MIT
// How a transport operation ended. A value, not an exception: it is returned once a message.
#pragma once

#include <string_view>

namespace ipc {

enum class Status {
  ok,
  timed_out,  // the deadline passed; nothing was sent, nothing was consumed
  closed,  // receive: every sender is gone and all messages were read. send: every receiver is gone
  too_big,       // longer than the backend's maximum; nothing was sent
  peer_died,     // the other side went away with messages of ours unread (ECONNRESET)
  corrupt,       // the stream ended inside a message or holds an impossible length
  system_error,  // errno says which
};

constexpr std::string_view to_string(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::timed_out:
      return "timed_out";
    case Status::closed:
      return "closed";
    case Status::too_big:
      return "too_big";
    case Status::peer_died:
      return "peer_died";
    case Status::corrupt:
      return "corrupt";
    case Status::system_error:
      return "system_error";
  }
  return "unknown";
}

}  // namespace ipc
