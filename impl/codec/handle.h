// SPDX-License-Identifier: MIT
// Handle: what stands in a message for a thing that no message can carry, such as a Connection. It
// has the thing's descriptors and some bytes that say what to make of them; who gets the message
// has copies of the descriptors (resharer.h). What a class is in messages, its handle() says, and a
// constructor from a Handle makes one of it.
//
//   a.send(Object::list({b, 1}));             // b is a Connection
//   Connection c = other.recv()[0].as_handle();
//
// A plain value: copies are of the same thing, and equal. Any thread may call.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ipc {

class UniqueFd;

class Handle {
 public:
  // What must be there as long as a copy of a handle is, in this process.
  struct Hold {
    virtual ~Hold() = default;
  };

  Handle() = default;  // of nothing; cannot be sent
  // `type`: the class that makes something of it, a name of at most 255 ASCII letters, digits, dots
  // and underscores. Throws ValueError for another one.
  Handle(std::string type, std::vector<std::byte> detail, std::vector<UniqueFd> descriptors,
         std::shared_ptr<const Hold> hold = nullptr);

  std::string_view type() const;
  std::span<const std::byte> detail() const;  // as long as there is a copy of this handle
  std::vector<UniqueFd> descriptors() const;  // duplicates. Throws std::system_error
  std::shared_ptr<const Hold> hold() const;

  friend bool operator==(const Handle&, const Handle&) = default;

 private:
  struct Content;
  std::shared_ptr<const Content> content_;  // none: of nothing
};

// A class whose objects are sent as handles.
template <class T>
concept Handled = requires(const T& object) {
  { object.handle() } -> std::same_as<Handle>;
};

namespace detail {

// From now on `hold` says what a handle of that type has that comes in a message; nothing may be
// wrong with its detail that this throws for. Before main.
using HoldOnArrival = std::shared_ptr<const Handle::Hold> (*)(std::span<const std::byte> detail);
void at_arrival(const std::string& type, HoldOnArrival hold);

// What a message has of a handle. Each time it gives another ticket for the descriptors. Throws
// ValueError for a handle of nothing.
std::vector<std::byte> handle_message(const Handle& handle);
// The handle of that. Throws Error when it is none, or when its descriptors cannot be had any more.
// Where it has descriptors it waits for the process that has sent it, for 10 s at most.
Handle handle_of(std::span<const std::byte> message);
// Of what nobody will decode: its descriptors are shared no more.
void withdraw_handle(std::span<const std::byte> message);

}  // namespace detail
}  // namespace ipc
