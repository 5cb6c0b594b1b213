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

class Client final : public AnyStore {
 public:
  Client(StorePlace place, std::string key, Connect connect);

  std::string name() const override;
  Object call(std::uint64_t object, std::string_view operation, Object::List arguments,
              Deadline deadline) override;
  // A connection more, with that key, which the next ones have from then on. From then on it is
  // known by the server's own name, too (store_of_server).
  void connect(const std::string& key) override;

  void before_fork() override;
  void after_fork_in_parent() override;
  void after_fork_in_child() override;

 private:
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
  void drop_idle_locked();
  Connection* open_locked(const std::string& key);
  std::unique_ptr<Connection> open(const std::string& key, const Hello& hello,
                                   std::uint64_t& session) const;
  bool server_has_gone_locked() const;

  const Connect connect_;
  mutable std::mutex mutex_;
  std::string key_;
  std::string name_;           // the server's own address; until it has said so, that of the place
  std::uint64_t session_ = 0;  // 0: none yet
  std::vector<std::unique_ptr<Connection>> all_;
  std::vector<Connection*> idle_;
  // During a fork.
  std::unique_ptr<Connection> heir_;
  std::uint64_t heirs_session_ = 0;
};

}  // namespace ipc::detail
