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
// (Python's order); calling the other direction is a mistake of the caller. Of these, traits.h says
// what a trait may waive. What is left behind
// when the last process ends, however it does, is removed when the next of its kind is made; the
// trait `leftovers` says what, and what a kill inside the constructor leaves.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "impl/driver/endpoint.h"
#include "impl/driver/traits.h"
#include "impl/os/error.h"
#include "impl/os/unique_fd.h"
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

// A side on its way to a process that was not forked with it.
class SentSide {
 public:
  SentSide(int a_side, bool is_duplex, std::size_t capacity, std::vector<UniqueFd> descriptors)
      : side(a_side),
        duplex(is_duplex),
        capacity_bytes(capacity),
        descriptors_(std::move(descriptors)) {}

  bool receives() const { return duplex || side == 0; }
  bool sends() const { return duplex || side == 1; }
  // The next one. Throws Error when there is none.
  UniqueFd take() {
    if (taken_ == descriptors_.size()) throw Error("the side of a pipe came without descriptors");
    return std::move(descriptors_[taken_++]);
  }

  const int side;  // 0 or 1
  const bool duplex;
  const std::size_t capacity_bytes;

 private:
  std::vector<UniqueFd> descriptors_;
  std::size_t taken_ = 0;
};

// A backend may also let a side go to such a process: `duplicates` gives descriptors for all that
// the side needs, while this process keeps its hold; there a backend is constructed from them that
// has this side alone. The other side of that one is neither opened nor dropped.
template <class B>
concept Sendable = std::constructible_from<B, SentSide> && requires(const B& backend, int side) {
  // REQUIRES: side was neither opened nor dropped in this process.
  { backend.duplicates(side) } -> std::same_as<std::vector<UniqueFd>>;
};

class AnyPipe {
 public:
  virtual ~AnyPipe() = default;
  // REQUIRES: side is 0 or 1, and was neither opened nor dropped in this process.
  virtual std::unique_ptr<AnyEndpoint> open(int side) = 0;
  virtual void drop(int side) = 0;
  virtual std::size_t capacity_bytes() const = 0;  // of one direction
  // REQUIRES: Traits::sendable, and as open.
  virtual std::vector<UniqueFd> duplicates(int side) const = 0;
};

// What the registry holds.
struct PipeEntry {
  static constexpr const char* kFamily = "pipe";
  std::string name;
  Traits traits;
  std::function<std::unique_ptr<AnyPipe>(const PipeOptions&)> make;
  std::function<std::unique_ptr<AnyPipe>(SentSide)> receive = {};  // only where Traits::sendable
};
using PipeRegistry = Registry<PipeEntry>;

template <PipeBackend B>
class PipeAdapter final : public AnyPipe {
 public:
  explicit PipeAdapter(const PipeOptions& options) : backend_(options) {}
  explicit PipeAdapter(SentSide sent) : backend_(std::move(sent)) {}
  std::unique_ptr<AnyEndpoint> open(int side) override {
    auto endpoint = backend_.open(side);
    return std::make_unique<EndpointAdapter<typename decltype(endpoint)::element_type>>(
        std::move(endpoint));
  }
  void drop(int side) override { backend_.drop(side); }
  std::size_t capacity_bytes() const override { return backend_.capacity_bytes(); }
  std::vector<UniqueFd> duplicates(int side) const override {
    if constexpr (Sendable<B>) return backend_.duplicates(side);
    std::abort();
  }

 private:
  B backend_;
};

template <PipeBackend B>
PipeEntry pipe_entry(std::string name, Traits traits) {
  set_abilities<typename decltype(std::declval<B&>().open(0))::element_type>(traits);
  traits.sendable = Sendable<B>;
  PipeEntry entry{std::move(name), std::move(traits), [](const PipeOptions& options) {
                    return std::make_unique<PipeAdapter<B>>(options);
                  }};
  if constexpr (Sendable<B>) {
    entry.receive = [](SentSide sent) { return std::make_unique<PipeAdapter<B>>(std::move(sent)); };
  }
  return entry;
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
