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

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
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

// One end of a connection between a client and the server: whole messages, in order. What was sent
// last may be lost when this end goes before the other has received it. For one thread at a time.
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
  // In the server's process, before anybody is told that it serves. Throws std::system_error,
  // Error.
  virtual void begin(detail::Server&) {}
  // There, after it: until the server is told to end, or `creator` is readable.
  virtual void serve(detail::Server& server, int creator) = 0;
  // In the process that has started that one, after it.
  virtual void leave() = 0;
  // And after the server's end.
  virtual void remove() noexcept = 0;
};

struct StorePlace {
  std::string backend;
  std::string address;
  bool operator==(const StorePlace&) const = default;
  bool operator<(const StorePlace& other) const {  // for a map
    return std::tie(backend, address) < std::tie(other.backend, other.address);
  }
};

class AnyStore : public std::enable_shared_from_this<AnyStore> {
 public:
  explicit AnyStore(StorePlace place) : place_(std::move(place)) {}
  virtual ~AnyStore();
  AnyStore(const AnyStore&) = delete;
  AnyStore& operator=(const AnyStore&) = delete;

  const StorePlace& place() const { return place_; }
  // The server's own address; until it has said so, that of the place.
  virtual std::string name() const { return place_.address; }
  // To what is there already, with that key. Throws std::system_error when nothing is, ServerGone,
  // AuthenticationError.
  virtual void connect(const std::string& key) = 0;
  // What the operation of that object gives (0: the store itself). It waits until the deadline at
  // most, where it is one that waits. Throws what the operation does, RemoteError, ServerGone.
  virtual Object call(std::uint64_t object, std::string_view operation, Object::List arguments,
                      Deadline deadline) = 0;

  // Around a fork of this process. No other store is asked meanwhile, none is made.
  void wait_for_fork() {
    keeper_mutex_.lock();
    before_fork();
  }
  void go_on_in_parent() {
    after_fork_in_parent();
    keeper_mutex_.unlock();
  }
  void go_on_in_child() {
    after_fork_in_child();
    keeper_mutex_.unlock();
  }

  // What must be there as long as a reference is: in the process that has started the server, that.
  void set_keeper(std::weak_ptr<void> keeper);
  std::shared_ptr<void> keeper() const;

 private:
  virtual void before_fork() {}
  virtual void after_fork_in_parent() {}
  virtual void after_fork_in_child() {}

  const StorePlace place_;
  mutable std::mutex keeper_mutex_;
  std::weak_ptr<void> keeper_;
};

// What the registry holds.
struct ManagerEntry {
  static constexpr const char* kFamily = "manager";
  std::string name;
  Traits traits;
  // As "dict.set"; none: all.
  std::vector<std::string> operations;
  std::function<std::unique_ptr<AnyHost>(const std::string& address)> make;
  // Connects to nobody yet.
  std::function<std::shared_ptr<AnyStore>(const StorePlace& place, const std::string& key)> open;
  // Where it is a channel.
  std::function<std::unique_ptr<Link>(const std::string& address)> connect = {};

  bool has(std::string_view operation) const {
    return operations.empty() || std::ranges::find(operations, operation) != operations.end();
  }
};
using ManagerRegistry = Registry<ManagerEntry>;

namespace detail {
// Accepts connections, each served by a thread of its own.
void serve_connections(Server& server, int creator, int listener,
                       const std::function<std::unique_ptr<Link>()>& accept);
// For a host that serves no calls itself: until the server is told to end, `creator` is readable,
// or that one.
void wait_for_end(const Server& server, int creator, int also = -1);
// Over a channel.
using Connect = std::function<std::unique_ptr<Link>(const std::string& address)>;
std::shared_ptr<AnyStore> open_client(StorePlace place, std::string key, Connect connect);
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
         [](const StorePlace& place, const std::string& key) {
           return detail::open_client(place, key, C::connect);
         },
         C::connect});
  }
};

}  // namespace ipc
