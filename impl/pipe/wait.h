// SPDX-License-Identifier: MIT
// wait: until one of several connections, descriptors or processes is ready, as
// multiprocessing.connection.wait.
//
//   for (std::size_t i : ipc::wait({&first, &second, &child}, 1.5)) ...
//
// Ready is a connection that has a message (also one read ahead) or whose other side is gone, a
// descriptor that poll(2) reports readable or hung up, and a process that has ended. An end that
// can only send is ready when its receiver is gone, where the backend has a descriptor. Consumes
// nothing.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <ranges>
#include <span>
#include <vector>

#include "impl/os/timeout.h"
#include "impl/pipe/connection.h"

namespace ipc {

// Refers to one thing to wait for, which must outlive it. Conversions are implicit, so that {&a,
// fd, &child} can be written.
class WaitObject {
 public:
  explicit(false) WaitObject(int fd);  // throws ValueError when negative
  explicit(false) WaitObject(Connection* connection) : connection_(connection) {}
  explicit(false) WaitObject(Connection& connection) : connection_(&connection) {}
  // A process, or whatever has a descriptor that becomes readable at its end.
  template <class T>
  requires requires(const T& object) {
    { object.sentinel() } -> std::same_as<int>;
  }
  explicit(false) WaitObject(const T* object) : WaitObject(object->sentinel()) {}

 private:
  friend std::vector<std::size_t> wait(std::span<const WaitObject> objects, Timeout timeout);

  bool is_receiver() const { return connection_ != nullptr && connection_->readable(); }
  int descriptor() const { return connection_ != nullptr ? connection_->wait_fd() : fd_; }

  Connection* connection_ = nullptr;
  int fd_ = -1;
};

// The places of the ready ones in `objects`, in that order, all of them; none when the time is
// over. No timeout: for ever. Throws ValueError for the same object twice, a descriptor that is not
// open, and nothing to wait for without a timeout; HandleClosed for a closed connection. A
// connection whose backend has no descriptor is looked at every millisecond.
std::vector<std::size_t> wait(std::span<const WaitObject> objects, Timeout timeout = std::nullopt);

inline std::vector<std::size_t> wait(std::initializer_list<WaitObject> objects,
                                     Timeout timeout = std::nullopt) {
  return wait(std::span(objects.begin(), objects.size()), timeout);
}

// A container of connections, of pointers to connections or processes, or of descriptors.
template <std::ranges::forward_range Range>
requires std::convertible_to<std::ranges::range_reference_t<Range>, WaitObject>
    std::vector<std::size_t> wait(Range&& objects, Timeout timeout = std::nullopt) {
  const std::vector<WaitObject> all(std::ranges::begin(objects), std::ranges::end(objects));
  return wait(std::span(all), timeout);
}

}  // namespace ipc
