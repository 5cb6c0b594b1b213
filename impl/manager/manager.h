// SPDX-License-Identifier: MIT
// Manager: objects in a server process, which any process uses through proxies, as Python's
// multiprocessing.Manager has them, over any backend by name.
//
//   ipc::Manager m;                        // starts the server, SyncManager-1
//   auto d = m.dict();                     // the object is there, here is a proxy (proxies.h)
//   ipc::Process child{[&] { d["x"] = 1; }};
//   child.start();
//   child.join();
//   std::cout << d;                        // {'x': 1}
//
// From a process that was not forked with it: its address() and key are enough.
//
//   ipc::Manager other{{.address = address, .authkey = key, .start = false}};
//   other.connect();
//
// Types and actions of your own are registered between the construction with start = false and
// start(): the server's process is forked there, and has what this one has.
//
// Who may call: any thread; start and shutdown one at a time. At start() no other thread may hold a
// lock that the factories need. Proxies are good in every process, a Manager in the one that made
// it and, to create objects, in its children.
//
// End: the server ends at shutdown(), or with the last of the Manager and the proxies of the
// process that has started it, or with that process. A proxy elsewhere does not keep it. Calls then
// throw ServerGone, at once; those that wait, too. Nothing in the server is saved.
//
// Security: who connects proves that he has the key, and so does the server, without telling it.
// After that each trusts the other: a client may call everything that the types have. Foreign
// stores have ways of their own: redis is told a password that is made of the key, lmdb and
// boost_map go by the mode of their files and ask for no key.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "impl/manager/authkey.h"
#include "impl/manager/pool_proxy.h"
#include "impl/manager/proxies.h"
#include "impl/manager/referent.h"

namespace ipc {
namespace detail {
class ServerProcess;
}

struct ManagerOptions {
  std::string backend = "unix_socket";                // CPython's
  std::string address = {};                           // none: one that nobody else has
  std::optional<std::string> authkey = std::nullopt;  // any bytes; none: that of this process
  bool start = true;
};

class Manager {
 public:
  // Throws ValueError for an unknown backend or what is no address, ipc::Error with the reason when
  // the backend cannot be used here, and what start() throws.
  explicit Manager(ManagerOptions options = {});
  Manager(Manager&& other) noexcept;
  Manager& operator=(Manager&&) = delete;
  ~Manager();

  // Throws StateError after start. `type`: as create() is to know it; one that is there is
  // replaced.
  void register_type(std::string type, Factory factory);
  void register_action(std::string name, std::function<void()> action);  // for barrier()
  // For pool(): what a worker does with a list of arguments.
  void register_task(std::string name, std::function<Object(const Object::List&)> task);

  // Until the server answers. `initializer` runs first in it. Throws ProcessError the second time
  // and when the server ended at once, std::system_error.
  void start(std::function<void()> initializer = {});
  // To a server that is there. Throws std::system_error when none is, AuthenticationError.
  void connect();
  // Tells the server to end, and waits so many seconds; then it gets SIGTERM, at last SIGKILL. A
  // second time does nothing. Throws StateError when this object has not started it.
  void shutdown(double seconds = 1.0);

  std::string address() const;  // throws StateError before it is settled
  const std::string& authkey() const { return key_; }
  std::optional<pid_t> pid() const;  // of the server; none unless this object has started it

  // Each throws StateError unless the manager is started or connected, RemoteError for what the
  // constructor refuses.
  Proxy create(std::string_view type, Object::List arguments = {}) const;
  ListProxy list(Object items = Object::list()) const;
  DictProxy dict(Object entries = Object::dict()) const;
  NamespaceProxy name_space(Object attributes = Object::dict()) const;
  LockProxy lock() const;
  RLockProxy rlock() const;
  SemaphoreProxy semaphore(std::int64_t value = 1) const;
  BoundedSemaphoreProxy bounded_semaphore(std::int64_t value = 1) const;
  ConditionProxy condition() const;  // with an RLock of its own
  ConditionProxy condition(const LockProxy& lock) const;
  ConditionProxy condition(const RLockProxy& lock) const;
  EventProxy event() const;
  // `action`: the name of a registered one, which the last to come runs in the server.
  BarrierProxy barrier(std::int64_t parties, std::optional<std::string> action = std::nullopt,
                       Timeout timeout = std::nullopt) const;
  QueueProxy queue(std::int64_t maxsize = 0) const;
  JoinableQueueProxy joinable_queue(std::int64_t maxsize = 0) const;
  ValueProxy value(std::string code, Object value) const;
  ArrayProxy array(std::string code, Object sequence) const;
  PoolProxy pool(std::optional<int> processes = std::nullopt) const;  // none: as many as CPUs

  std::size_t number_of_objects() const;  // for tests

 private:
  struct State;

  detail::ServerProcess& server() const;
  Object call(std::string_view operation, Object::List arguments) const;

  std::string key_;
  std::unique_ptr<State> state_;
};

}  // namespace ipc
