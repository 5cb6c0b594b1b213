// SPDX-License-Identifier: MIT
// What the implementer of a manager backend includes: the contract, and RegisterManager.
//
// There is one implementation of the objects (server.h, referent.h). What a backend is, is the way
// to reach it: a store, which answers calls. Most are channels: something that listens and
// something that connects, over which the store of client.h speaks with the server. A store of
// another make (a database, a map in shared memory) brings an AnyHost and an AnyStore of its own,
// and names the operations that it has in its entry; the typed API and the tests leave out the
// others.
//
// A store is one process's. Any of its threads may call, and a call that waits holds up no other.
// The host is made in the process that starts the manager; its server runs in a child of that.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "impl/codec/object.h"
#include "impl/driver/traits.h"
#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"
#include "impl/registry.h"

namespace ipc {
namespace detail {
class Server;
}

// Of a request or a reply, in bytes. What claims to be longer gets no memory.
inline constexpr std::size_t kLongestMessage = std::size_t{256} << 20;

// One end of a connection between a client and the server: whole messages, in order. For one thread
// at a time.
class Link {
 public:
  virtual ~Link() = default;
  virtual Status send(std::span<const std::byte> message) = 0;
  virtual Status receive(Buffer& message) = 0;
  // From now on a longer message is corrupt, and one that does not come in time a system_error.
  virtual void limit(std::size_t most, std::optional<std::chrono::seconds> patience) = 0;
  // poll(2) reports POLLRDHUP or POLLHUP of it when the other end has gone.
  virtual int hang_up_fd() const = 0;
};

template <class C>
concept ManagerChannel = requires(const std::string& address, typename C::Listener& listener) {
  // Listens from its construction on, for those of any process. Without an address it has one that
  // nobody else has. Throws std::system_error, and ValueError for what is no address.
  requires std::constructible_from<typename C::Listener, const std::string&>;
  { listener.address() } -> std::same_as<std::string>;
  { listener.fd() } -> std::same_as<int>;  // readable when accept does not wait
  { listener.accept() } -> std::same_as<std::unique_ptr<Link>>;  // none: who came has gone again
  {listener.close()};   // this process listens no more, others may
  {listener.remove()};  // what a server leaves that was killed; does not throw
  // Throws std::system_error when nobody listens there.
  { C::connect(address) } -> std::same_as<std::unique_ptr<Link>>;
};

class AnyHost {
 public:
  virtual ~AnyHost() = default;
  virtual std::string address() const = 0;
  // In the server's process: until it is told to end, or `creator` is readable.
  virtual void serve(detail::Server& server, int creator) = 0;
  // In the process that has started that one, after it.
  virtual void leave() = 0;
  // And after the server's end.
  virtual void remove() noexcept = 0;
};

class AnyStore {
 public:
  virtual ~AnyStore() = default;
  // What the operation of that object gives (0: the store itself). It waits until the deadline at
  // most, where it is one that waits. Throws what the operation does, RemoteError, ServerGone.
  virtual Object call(std::uint64_t object, std::string_view operation, Object::List arguments,
                      Deadline deadline) = 0;
};

struct StorePlace {
  std::string backend;
  std::string address;
  bool operator==(const StorePlace&) const = default;
  bool operator<(const StorePlace& other) const {  // for a map
    return std::tie(backend, address) < std::tie(other.backend, other.address);
  }
};

// What the registry holds.
struct ManagerEntry {
  static constexpr const char* kFamily = "manager";
  std::string name;
  Traits traits;
  // As "dict.set"; none: all.
  std::vector<std::string> operations;
  std::function<std::unique_ptr<AnyHost>(const std::string& address)> make;
  // Where it is a channel.
  std::function<std::unique_ptr<Link>(const std::string& address)> connect;
};
using ManagerRegistry = Registry<ManagerEntry>;

namespace detail {
// Accepts connections, each served by a thread of its own.
void serve_connections(Server& server, int creator, int listener,
                       const std::function<std::unique_ptr<Link>()>& accept);
}  // namespace detail

template <ManagerChannel C>
class ChannelHost final : public AnyHost {
 public:
  explicit ChannelHost(const std::string& address) : listener_(address) {}
  std::string address() const override { return listener_.address(); }
  void serve(detail::Server& server, int creator) override {
    detail::serve_connections(server, creator, listener_.fd(),
                              [this] { return listener_.accept(); });
    listener_.remove();
  }
  void leave() override { listener_.close(); }
  void remove() noexcept override { listener_.remove(); }

 private:
  typename C::Listener listener_;
};

// The last statement of a channel's file: `const RegisterManager<UnixSocket>
// registered("unix_socket", {...});`
template <ManagerChannel C>
struct RegisterManager {
  RegisterManager(std::string name, Traits traits) {
    ManagerRegistry::add(
        {std::move(name),
         std::move(traits),
         {},
         [](const std::string& address) { return std::make_unique<ChannelHost<C>>(address); },
         [](const std::string& address) { return C::connect(address); }});
  }
};

}  // namespace ipc
