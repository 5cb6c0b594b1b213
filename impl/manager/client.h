// SPDX-License-Identifier: MIT
// Client: what one process has of a server that it reaches over a channel: its session, its
// connections, a thread's call on one of them at a time.
//
// A call takes a connection that nobody uses, or opens one: there are as many as threads have called
// at the same time, and none is closed before the client ends, for the session lives by them. Any
// thread may call.
//
// A fork takes along what its parent holds: before it, the client opens a connection to a session of
// the child's own that holds the same references. It is the child's alone, and so the kernel tells
// the server when the child has ended, however it does. The child closes its copies of the parent's
// connections. It has no session when the server does not answer then: what it calls fails.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "impl/manager/backend.h"
#include "impl/manager/protocol.h"

namespace ipc::detail {

class Client final : public AnyStore, public std::enable_shared_from_this<Client> {
 public:
  // The one of this process for that place. With a key, it is used for what is not connected yet;
  // without, the one that was given before, or this process's. Connects to nobody.
  static std::shared_ptr<Client> of(const StorePlace& place,
                                    const std::optional<std::string>& key = std::nullopt);
  // Whose reply this thread is decoding: its references are counted already.
  static const Client* replying();

  Client(const ManagerEntry& entry, StorePlace place, std::string key);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Object call(std::uint64_t object, std::string_view operation, Object::List arguments,
              Deadline deadline) override;
  // Throws as call does, and std::system_error when nobody listens there, AuthenticationError.
  void connect();

  const StorePlace& place() const { return place_; }
  // What must be there as long as a reference is: in the process that has started the server, that.
  void set_keeper(std::weak_ptr<void> keeper);
  std::shared_ptr<void> keeper() const;

 private:
  friend class Forks;
  struct Connection {
    std::unique_ptr<Link> link;
    Buffer reply;
    Bytes request;
  };
  class Lease;

  Connection* take();
  Connection* take_or_gone();
  void give_back(Connection* connection);
  void drop(Connection* connection);
  std::unique_ptr<Connection> open(const Hello& hello, std::uint64_t& session) const;
  void before_fork();
  void after_fork_in_parent();
  void after_fork_in_child();

  const ManagerEntry& entry_;
  const StorePlace place_;
  mutable std::mutex mutex_;
  std::string key_;
  std::uint64_t session_ = 0;  // 0: none yet
  std::vector<std::unique_ptr<Connection>> all_;
  std::vector<Connection*> idle_;
  std::weak_ptr<void> keeper_;
  // During a fork.
  std::unique_ptr<Connection> heir_;
  std::uint64_t heirs_session_ = 0;
};

}  // namespace ipc::detail
