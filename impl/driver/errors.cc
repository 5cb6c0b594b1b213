// SPDX-License-Identifier: MIT
#include "impl/driver/errors.h"

namespace ipc {

void throw_status(Status status, Direction direction, std::string_view backend) {
  const bool sending = direction == Direction::send;
  const std::string name(backend);
  switch (status) {
    case Status::closed:
      if (sending) throw BrokenPipe(name + ": every receiver is gone");
      throw EndOfFile(name + ": every sender is gone and all messages were read");
    case Status::peer_died:
      throw ConnectionReset(name + ": the other side went away with messages unread");
    case Status::too_big:
      throw MessageTooBig(name + ": the message is longer than this backend carries");
    case Status::corrupt:
      throw CorruptMessage(name +
                           ": the stream ended inside a message or holds an impossible length");
    default:
      throw_errno(name + (sending ? ": send" : ": receive"));
  }
}

void require_usable(std::string_view family, std::string_view name, const Traits& traits) {
  const std::string backend = std::string(family) + " backend \"" + std::string(name) + "\"";
  if (!traits.transports) throw ValueError(backend + " carries nothing between processes");
  if (const auto reason = traits.available()) {
    throw Error(backend + " cannot be used here: " + *reason);
  }
}

}  // namespace ipc
