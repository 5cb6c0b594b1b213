// SPDX-License-Identifier: MIT
// What client and server of a manager say to each other, as bytes; how these travel, the channel
// says (backend.h). After both have proved that they know the key (authentication.h), the client
// says which session it is of, then calls: a request, its reply, the next request.
//
// A session is what one process has of the server: the references that it holds, the locks, the
// calls in which it waits. All its connections are of it; it ends with the last of them. Parsing
// trusts nothing; whatever is not exactly one message is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "impl/codec/object.h"
#include "impl/os/deadline.h"

namespace ipc::detail {

using Bytes = std::vector<std::byte>;

inline constexpr std::uint64_t kServer = 0;  // the object that is the server itself
// The operation of the server whose arguments are calls (together.h).
inline constexpr std::string_view kTogether = "together";

struct Hello {
  enum class Kind : std::uint8_t {
    first,  // of a new session
    next,   // of this one as well
    heir,   // of a new session that holds all that this one does
  };
  Kind kind = Kind::first;
  std::uint64_t session = 0;
};
void append_hello(const Hello& hello, Bytes& out);
std::optional<Hello> parse_hello(std::span<const std::byte> message);
// The answer to it: the session, 0 if there is none such.
void append_session(std::uint64_t session, Bytes& out);
std::optional<std::uint64_t> parse_session(std::span<const std::byte> message);

struct Request {
  std::uint64_t object = kServer;
  std::uint64_t thread = 0;  // of the client's process: who holds an RLock
  Deadline deadline = Deadline::never();
  std::string_view operation;  // at most 255 bytes
  std::span<const std::byte> arguments;
};
// Throws ValueError when the arguments cannot be encoded, or it gets too long.
void append_request(const Request& head, const Object& arguments, Bytes& out);
// Of one that nobody will read: what its handles share is shared no more.
void withdraw_request(std::span<const std::byte> message);
// Refers to the message.
std::optional<Request> parse_request(std::span<const std::byte> message);

// Throws as encode does; `out` is as it was then.
void append_value(const Object& value, Bytes& out);
void append_error(const std::exception& error, Bytes& out);
// Throws the error that it is of, DecodeError when it is no reply.
Object value_of(std::span<const std::byte> reply);

}  // namespace ipc::detail
