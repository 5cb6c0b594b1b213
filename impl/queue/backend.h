// SPDX-License-Identifier: MIT
// What the implementer of a queue backend includes: the contract, and RegisterQueue.
//
// A queue carries messages from any number of producers to any number of consumers, each message to
// exactly one. A backend object is constructed before the processes that use it exist; it owns the
// descriptors, mapping or names, fork copies it, and in each process it outlives the endpoints
// opened there. Every process may put and get. An endpoint may be used by several threads at once;
// after fork the child opens its own.
//
// Messages arrive whole, each exactly once, also empty ones; those of one producer in its order.
// There is no end of stream: a receive waits although all producers are gone. Sends wait when the
// queue is full. A process killed between messages disturbs nobody. Of these, traits.h says what a
// trait may waive. What is left behind when the
// last process ends, however it does, is removed when the next of its kind is made; the trait
// `leftovers` says what, and what a kill inside the constructor leaves.
//
// A backend may need a process beside its users (a broker). Then it has `void serve()`, the body of
// that helper, which runs until it is killed. Whoever made the queue starts it before the queue is
// used, and ends it with the queue: served() does, and the harness, which also places and bills it.
#pragma once

#include <unistd.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "impl/driver/endpoint.h"
#include "impl/driver/traits.h"
#include "impl/os/error.h"
#include "impl/registry.h"

namespace ipc {

struct QueueOptions {
  std::uint32_t max_items = 0;  // 0: the backend's own bound. Kept to where Traits::counts_items
  std::size_t capacity_bytes = 64 * 1024;  // asked, where max_items is 0 or not kept to
  std::size_t message_bytes = 0;           // the largest message that will be sent, 0 if not known
};

// Must: throw std::system_error from the constructor if set-up fails; report the capacity that was
// achieved. May: send_until and receive_until finish a message that has begun, whatever the
// deadline; have `std::uint32_t size()`, items sent and not yet received: then it counts
// (Traits::counts_items).
template <class B>
concept QueueBackend = std::constructible_from<B, const QueueOptions&> &&
    requires(B backend, const B& constant) {
  requires Endpoint<typename decltype(backend.open())::element_type>;
  { constant.capacity_bytes() } -> std::same_as<std::size_t>;
};

class AnyQueue {
 public:
  virtual ~AnyQueue() = default;
  virtual std::unique_ptr<AnyEndpoint> open() = 0;
  virtual std::size_t capacity_bytes()
      const = 0;  // 0 when the bound is in items and no size was promised
  // Items sent and not yet received, by all processes; nothing where the backend does not count.
  virtual std::optional<std::uint32_t> size() const = 0;
  virtual bool has_helper() const = 0;
  // The helper's body. Closes all descriptors but the standard ones first: a copy of another
  // object's would keep that from seeing its end. REQUIRES: has_helper(), and a process of its own.
  virtual void serve() = 0;
};

// What the registry holds.
struct QueueEntry {
  static constexpr const char* kFamily = "queue";
  std::string name;
  Traits traits;
  std::function<std::unique_ptr<AnyQueue>(const QueueOptions&)> make;
};
using QueueRegistry = Registry<QueueEntry>;

template <QueueBackend B>
class QueueAdapter final : public AnyQueue {
 public:
  explicit QueueAdapter(const QueueOptions& options) : backend_(options) {}
  std::unique_ptr<AnyEndpoint> open() override {
    auto endpoint = backend_.open();
    return std::make_unique<EndpointAdapter<typename decltype(endpoint)::element_type>>(
        std::move(endpoint));
  }
  std::size_t capacity_bytes() const override { return backend_.capacity_bytes(); }
  std::optional<std::uint32_t> size() const override {
    if constexpr (requires { backend_.size(); }) {
      return backend_.size();
    } else {
      return std::nullopt;
    }
  }
  bool has_helper() const override { return kHasHelper; }
  void serve() override {
    if constexpr (kHasHelper) {
      if (close_range(STDERR_FILENO + 1, ~0u, 0) != 0) throw_errno("close_range");
      backend_.serve();
    }
  }

 private:
  static constexpr bool kHasHelper = requires(B backend) { backend.serve(); };

  B backend_;
};

template <QueueBackend B>
QueueEntry queue_entry(std::string name, Traits traits) {
  traits.counts_items = requires(const B& backend) { backend.size(); };
  set_abilities<typename decltype(std::declval<B&>().open())::element_type>(traits);
  return {std::move(name), std::move(traits),
          [](const QueueOptions& options) { return std::make_unique<QueueAdapter<B>>(options); }};
}

// The last statement of a backend's file: `const RegisterQueue<PipeLocked>
// registered("pipe_locked", {...});`
template <QueueBackend B>
struct RegisterQueue {
  RegisterQueue(std::string name, Traits traits) {
    QueueRegistry::add(queue_entry<B>(std::move(name), std::move(traits)));
  }
};

}  // namespace ipc
