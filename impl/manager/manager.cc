// SPDX-License-Identifier: MIT
#include "impl/manager/manager.h"

#include <utility>

#include "impl/driver/errors.h"
#include "impl/manager/containers.h"
#include "impl/manager/locks.h"
#include "impl/manager/managed_pool.h"
#include "impl/manager/protocol.h"
#include "impl/manager/rendezvous.h"
#include "impl/manager/server_process.h"
#include "impl/manager/stores.h"
#include "impl/manager/values.h"

namespace ipc {
namespace {

const ManagerEntry& usable(const std::string& backend) {
  const ManagerEntry& entry = ManagerRegistry::get(backend);
  require_usable(entry.kFamily, entry.name, entry.traits);
  return entry;
}

Object seconds_of(Timeout timeout) { return timeout ? Object(*timeout) : Object(); }

}  // namespace

struct Manager::State {
  State(const ManagerEntry& an_entry, std::string an_address)
      : entry(an_entry), address(std::move(an_address)) {}

  const ManagerEntry& entry;
  std::string address;  // none before start: the backend chooses
  std::shared_ptr<detail::Actions> actions = std::make_shared<detail::Actions>();
  std::shared_ptr<detail::Tasks> tasks = std::make_shared<detail::Tasks>();
  std::map<std::string, Factory, std::less<>> types = {
      {"list", detail::make_list},
      {"dict", detail::make_dict},
      {"Namespace", detail::make_namespace},
      {"Lock", detail::make_lock},
      {"RLock", detail::make_rlock},
      {"Semaphore", detail::make_semaphore},
      {"BoundedSemaphore", detail::make_bounded_semaphore},
      {"Condition", detail::make_condition},
      {"Event", detail::make_event},
      {"Barrier", [actions = actions](
                      Arguments& arguments) { return detail::make_barrier(arguments, *actions); }},
      {"Queue", detail::make_queue},
      {"JoinableQueue", detail::make_queue},
      {"Value", detail::make_value},
      {"Array", detail::make_array},
      {"Pool",
       [tasks = tasks](Arguments& arguments) { return detail::make_pool(arguments, *tasks); }},
  };
  enum class Phase { initial, started, connected, ended } phase = Phase::initial;
  void require_initial() const {  // for what the server will have
    if (phase != Phase::initial) throw StateError("the manager was started already");
  }
  std::shared_ptr<detail::ServerProcess> server;
  std::shared_ptr<AnyStore> store;
};

Manager::Manager(ManagerOptions options)
    : key_(options.authkey.value_or(ipc::authkey())),
      state_(std::make_unique<State>(usable(options.backend), std::move(options.address))) {
  if (options.start) start();
}
Manager::Manager(Manager&& other) noexcept = default;
Manager::~Manager() = default;

void Manager::register_type(std::string type, Factory factory) {
  state_->require_initial();
  state_->types.insert_or_assign(std::move(type), std::move(factory));
}

void Manager::register_action(std::string name, std::function<void()> action) {
  state_->require_initial();
  state_->actions->insert_or_assign(std::move(name), std::move(action));
}

void Manager::register_task(std::string name, std::function<Object(const Object::List&)> task) {
  state_->require_initial();
  state_->tasks->insert_or_assign(std::move(name), std::move(task));
}

void Manager::start(std::function<void()> initializer) {
  if (state_->phase == State::Phase::ended) throw ProcessError("the manager was shut down");
  if (state_->phase != State::Phase::initial) throw ProcessError("the manager was started already");
  auto server = std::make_shared<detail::ServerProcess>(
      state_->entry, state_->address,
      detail::ServerContent{key_, state_->types, std::move(initializer)});
  auto store = detail::store_of(server->place());
  store->connect(key_);
  store->set_keeper(server);
  state_->address = server->place().address;
  state_->server = std::move(server);
  state_->store = std::move(store);
  state_->phase = State::Phase::started;
}

void Manager::connect() {
  if (state_->phase != State::Phase::initial) throw ProcessError("the manager was started already");
  auto store = detail::store_of({state_->entry.name, address()});
  store->connect(key_);
  state_->store = std::move(store);
  state_->phase = State::Phase::connected;
}

void Manager::shutdown(double seconds) {
  if (state_->phase == State::Phase::ended) return;
  server().end(seconds);
  state_->phase = State::Phase::ended;
}

std::string Manager::address() const {
  if (state_->address.empty()) throw StateError("the manager has no address yet: start it");
  return state_->address;
}

std::optional<pid_t> Manager::pid() const {
  return state_->server ? state_->server->pid() : std::nullopt;
}

detail::ServerProcess& Manager::server() const {
  if (!state_->server) throw StateError("this manager has not started its server");
  return *state_->server;
}

Object Manager::call(std::string_view operation, Object::List arguments) const {
  if (!state_->store || state_->phase == State::Phase::ended) {
    throw StateError("server not yet started, or shut down");
  }
  return state_->store->call(detail::kServer, operation, std::move(arguments), Deadline::never());
}

Proxy Manager::create(std::string_view type, Object::List arguments) const {
  return call("create", Object::pack(type, Object::list(std::move(arguments)))).as_handle();
}

ListProxy Manager::list(Object items) const {
  return create("list", Object::pack(std::move(items))).handle();
}
DictProxy Manager::dict(Object entries) const {
  return create("dict", Object::pack(std::move(entries))).handle();
}
NamespaceProxy Manager::name_space(Object attributes) const {
  return create("Namespace", Object::pack(std::move(attributes))).handle();
}
LockProxy Manager::lock() const { return create("Lock").handle(); }
RLockProxy Manager::rlock() const { return create("RLock").handle(); }
SemaphoreProxy Manager::semaphore(std::int64_t value) const {
  return create("Semaphore", {value}).handle();
}
BoundedSemaphoreProxy Manager::bounded_semaphore(std::int64_t value) const {
  return create("BoundedSemaphore", {value}).handle();
}
ConditionProxy Manager::condition() const { return create("Condition").handle(); }
ConditionProxy Manager::condition(const LockProxy& lock) const {
  return create("Condition", {lock}).handle();
}
ConditionProxy Manager::condition(const RLockProxy& lock) const {
  return create("Condition", {lock}).handle();
}
EventProxy Manager::event() const { return create("Event").handle(); }
BarrierProxy Manager::barrier(std::int64_t parties, std::optional<std::string> action,
                              Timeout timeout) const {
  return create("Barrier", {parties, action ? Object(*action) : Object(), seconds_of(timeout)})
      .handle();
}
QueueProxy Manager::queue(std::int64_t maxsize) const {
  return create("Queue", {maxsize}).handle();
}
JoinableQueueProxy Manager::joinable_queue(std::int64_t maxsize) const {
  return create("JoinableQueue", {maxsize}).handle();
}
ValueProxy Manager::value(std::string code, Object value) const {
  return create("Value", Object::pack(std::move(code), std::move(value))).handle();
}
ArrayProxy Manager::array(std::string code, Object sequence) const {
  return create("Array", Object::pack(std::move(code), std::move(sequence))).handle();
}

PoolProxy Manager::pool(std::optional<int> processes) const {
  return create("Pool", {processes ? Object(*processes) : Object()}).handle();
}

std::size_t Manager::number_of_objects() const {
  return call("number_of_objects", {}).as_unsigned();
}

}  // namespace ipc
