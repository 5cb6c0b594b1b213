// SPDX-License-Identifier: MIT
// The errors of the typed API over messages, and how a transport's Status becomes one. What Python
// calls each stands beside it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "impl/driver/traits.h"
#include "impl/os/error.h"
#include "impl/os/status.h"

namespace ipc {

// All messages were read and every holder of the opposite end, in every process, has closed it
// (EOFError).
class EndOfFile : public Error {
 public:
  using Error::Error;
};

// Nobody can read what was to be sent (BrokenPipeError).
class BrokenPipe : public Error {
 public:
  using Error::Error;
};

// The other side went away with messages of ours unread (ConnectionResetError). Raised once, then
// EndOfFile.
class ConnectionReset : public Error {
 public:
  using Error::Error;
};

// The stream ended inside a message, or holds what no sender of ours has sent (OSError).
class CorruptMessage : public Error {
 public:
  using Error::Error;
};

// Longer than the backend carries; nothing was sent. Python's transports have no such limit.
class MessageTooBig : public Error {
 public:
  using Error::Error;
};

// The object was closed in this process (OSError "handle is closed").
class HandleClosed : public Error {
 public:
  HandleClosed() : Error("handle is closed") {}
};

// A one-way connection used against its direction (OSError "connection is read-only", "...
// write-only").
class WrongDirection : public Error {
 public:
  using Error::Error;
};

// A message longer than the caller's limit (OSError "bad message length").
class BadMessageLength : public Error {
 public:
  using Error::Error;
};

// A message longer than the caller's buffer. It was taken out of the stream whole, and is here.
class BufferTooShort : public Error {
 public:
  explicit BufferTooShort(std::vector<std::byte> message)
      : Error("a message of " + std::to_string(message.size()) +
              " bytes is longer than the buffer"),
        message_(std::move(message)) {}
  const std::vector<std::byte>& message() const { return message_; }

 private:
  std::vector<std::byte> message_;
};

enum class Direction { send, receive };

// Throws what `status` means for a message that could not be sent or received. For system_error
// errno must still be the failed call's. REQUIRES: status is neither ok nor timed_out.
[[noreturn]] void throw_status(Status status, Direction direction, std::string_view backend);

// Throws ValueError if the backend carries nothing between processes, Error with the reason if this
// machine lacks what it needs.
void require_usable(std::string_view family, std::string_view name, const Traits& traits);

}  // namespace ipc
