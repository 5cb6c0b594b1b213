// SPDX-License-Identifier: MIT
// What the sockets of the message libraries (zmq_socket.h, nng_socket.h) have in common: one way,
// from those who dial to the one who listens.
//
// Opened in the process that uses it, for one thread at a time. What is sent before anybody listens
// waits in the process that sent it. Nothing bounds how much is under way: who sends counts.
// Neither library tells who is gone.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

enum class Pattern {
  pair,       // one who dials
  push_pull,  // any number of them
};

template <class S>
concept MessageSocket = requires(S socket, const std::string& address, typename S::Message message,
                                 int end_fd, Deadline deadline) {
  requires std::constructible_from<typename S::Message, std::size_t>;  // of that size
  {message.data()};
  { message.size() } -> std::same_as<std::size_t>;

  // Throw std::system_error. listen: nothing while somebody else has the address.
  { S::dial(Pattern::pair, address) } -> std::same_as<std::unique_ptr<S>>;
  { S::listen(Pattern::pair, address) } -> std::same_as<std::unique_ptr<S>>;
  // One that nobody else has, and what a machine needs for it.
  { S::unique_address() } -> std::same_as<std::string>;
  { S::kNeeds } -> std::convertible_to<const char*>;

  // Takes the message's bytes, does not wait below kMaxSlots. system_error: the library refuses.
  { socket.send(message) } -> std::same_as<Status>;
  // False when nothing has come.
  { socket.take(message) } -> std::same_as<bool>;
  { socket.has_message() } -> std::same_as<bool>;
  // Until take is worth another try. True when `end_fd` (-1: none) is readable.
  { socket.wait(end_fd, deadline) } -> std::same_as<bool>;
  // The last call of one who dialled, over a pair: waits until what was sent has left this process
  // for good, whether it ends or not, or nobody is left to take it.
  {socket.finish(deadline)};
  // The last call of one who dialled and gives up what it sent: its end will harm nobody.
  {socket.leave(deadline)};
  // How many messages may be under way, and how long one may be.
  { S::kMaxSlots } -> std::convertible_to<std::uint32_t>;
  { S::kMaxMessage } -> std::convertible_to<std::size_t>;
};

}  // namespace ipc
