// SPDX-License-Identifier: MIT
// What the implementer of a pipe backend includes: the contract, and RegisterPipe.
//
// A pipe has two sides, 0 and 1. A backend object is constructed before the processes that use it
// exist; it owns the descriptors, mapping or names of both sides, and fork copies it. In each
// process a side is either opened (the endpoint takes over this process's hold on it) or dropped. A
// side is gone when no process holds it any more, open or not; then the other side's receive gives
// what was sent before, then Status::closed for ever, and its send gives Status::closed.
//
// Messages arrive whole, in order, each once, also empty ones. An endpoint is for one thread at a
// time for each direction; sending and receiving at the same time from two threads is allowed.
// Sends wait when the transport is full. A one-way pipe receives on side 0 and sends on side 1
// (Python's order); calling the other direction is a mistake of the caller. Nothing is left behind
// when the last process ends, however.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "impl/driver/endpoint.h"
#include "impl/driver/traits.h"
#include "impl/registry.h"

namespace ipc {

struct PipeOptions {
  bool duplex = true;
  std::size_t capacity_bytes = 64 * 1024;  // asked of each direction; the achieved one may differ
  std::size_t message_bytes = 0;           // the largest message that will be sent, 0 if not known
};

// Must: throw std::system_error from the constructor if set-up fails; report the capacity that was
// achieved. May: send_until and receive_until finish a message that has begun, whatever the
// deadline.
template <class B>
concept PipeBackend = std::constructible_from<B, const PipeOptions&> &&
    requires(B backend, const B& constant, int side) {
  requires Endpoint<typename decltype(backend.open(side))::element_type>;
  backend.drop(side);
  { constant.capacity_bytes() } -> std::same_as<std::size_t>;
};

class AnyPipe {
 public:
  virtual ~AnyPipe() = default;
  // REQUIRES: side is 0 or 1, and was neither opened nor dropped in this process.
  virtual std::unique_ptr<AnyEndpoint> open(int side) = 0;
  virtual void drop(int side) = 0;
  virtual std::size_t capacity_bytes() const = 0;  // of one direction
};

// What the registry holds.
struct PipeEntry {
  static constexpr const char* kFamily = "pipe";
  std::string name;
  Traits traits;
  std::function<std::unique_ptr<AnyPipe>(const PipeOptions&)> make;
};
using PipeRegistry = Registry<PipeEntry>;

template <PipeBackend B>
class PipeAdapter final : public AnyPipe {
 public:
  explicit PipeAdapter(const PipeOptions& options) : backend_(options) {}
  std::unique_ptr<AnyEndpoint> open(int side) override {
    auto endpoint = backend_.open(side);
    return std::make_unique<EndpointAdapter<typename decltype(endpoint)::element_type>>(
        std::move(endpoint));
  }
  void drop(int side) override { backend_.drop(side); }
  std::size_t capacity_bytes() const override { return backend_.capacity_bytes(); }

 private:
  B backend_;
};

template <PipeBackend B>
PipeEntry pipe_entry(std::string name, Traits traits) {
  set_abilities<typename decltype(std::declval<B&>().open(0))::element_type>(traits);
  return {std::move(name), std::move(traits),
          [](const PipeOptions& options) { return std::make_unique<PipeAdapter<B>>(options); }};
}

// The last statement of a backend's file: `const RegisterPipe<OsPipe> registered("os_pipe",
// {...});`
template <PipeBackend B>
struct RegisterPipe {
  RegisterPipe(std::string name, Traits traits) {
    PipeRegistry::add(pipe_entry<B>(std::move(name), std::move(traits)));
  }
};

}  // namespace ipc
