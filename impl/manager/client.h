// SPDX-License-Identifier: MIT
// Client: what one process has of a server that it reaches over a channel: its session, its
// connections, a thread's call on one of them at a time.
//
// A call takes a connection that nobody uses, or opens one: there are as many as threads have
// called at the same time, and none is closed before the client ends, for the session lives by
// them. Any thread may call.
//
// A fork takes along what its parent holds: before it, the client opens a connection to a session
// of the child's own that holds the same references. It is the child's alone, and so the kernel
// tells the server when the child has ended, however it does. The child closes its copies of the
// parent's connections. It has no session when the server has gone or does not answer, for which
// the fork waits 10 s: what the child calls fails.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "impl/manager/backend.h"
#include "impl/manager/protocol.h"

namespace ipc::detail {

class Client final : public AnyStore, public std::enable_shared_from_this<Client> {
 public:
  // The one of this process for that place. It has this process's key until it connects with
  // another. Connects to nobody.
  static std::shared_ptr<Client> of(const StorePlace& place);
  // The one for a proxy in which a server has this name for itself: whose reply this thread is
  // decoding, where that is of such a one, for servers on two machines may have the same name; else
  // the last that has connected with such a one, by whatever address; else as `of`.
  static std::shared_ptr<Client> of_server(const StorePlace& name);
  // Whose reply this thread is decoding: its references are counted already.
  static const Client* replying();

  Client(const ManagerEntry& entry, StorePlace place, std::string key);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Object call(std::uint64_t object, std::string_view operation, Object::List arguments,
              Deadline deadline) override;
  // A connection more, with that key, which the next ones have from then on. From then on it is
  // known by the server's own name, too (of_server). Throws ServerGone, std::system_error when
  // nobody listens there, AuthenticationError.
  void connect(const std::string& key);

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

  std::string name() const;
  Connection* take();
  Connection* take_or_gone();
  void give_back(Connection* connection);
  void drop(Connection* connection);
  void drop_idle_locked();
  Connection* open_locked(const std::string& key);
  std::unique_ptr<Connection> open(const std::string& key, const Hello& hello,
                                   std::uint64_t& session) const;
  bool server_has_gone_locked() const;
  void before_fork();
  void after_fork_in_parent();
  void after_fork_in_child();

  const ManagerEntry& entry_;
  const StorePlace place_;
  mutable std::mutex mutex_;
  std::string key_;
  std::string name_;           // the server's own address; until it has said so, that of the place
  std::uint64_t session_ = 0;  // 0: none yet
  std::vector<std::unique_ptr<Connection>> all_;
  std::vector<Connection*> idle_;
  std::weak_ptr<void> keeper_;
  // During a fork.
  std::unique_ptr<Connection> heir_;
  std::uint64_t heirs_session_ = 0;
};

}  // namespace ipc::detail
