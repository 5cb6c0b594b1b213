// SPDX-License-Identifier: MIT
#include "impl/manager/client.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "impl/codec/encoding.h"
#include "impl/manager/authentication.h"
#include "impl/manager/errors.h"
#include "impl/manager/stores.h"

namespace ipc::detail {
namespace {

// Of this thread, in its process.
std::uint64_t thread_number() {
  static std::atomic<std::uint64_t> count{0};
  thread_local const std::uint64_t number = count.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

std::shared_ptr<AnyStore> open_client(StorePlace place, std::string key, Connect connect) {
  return std::make_shared<Client>(std::move(place), std::move(key), std::move(connect));
}

Client::Client(StorePlace place, std::string key, Connect connect)
    : AnyStore(std::move(place)),
      connect_(std::move(connect)),
      key_(std::move(key)),
      name_(this->place().address) {}

// A connection in one call. One whose call is not over goes: who knows what is on it.
class Client::Lease {
 public:
  Lease(Client& client, Connection* connection) : client_(client), connection_(connection) {}
  ~Lease() {
    if (is_over_) {
      client_.give_back(connection_);
    } else {
      client_.drop(connection_);
    }
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Connection* operator->() { return connection_; }
  void set_over(bool is_over) { is_over_ = is_over; }

 private:
  Client& client_;
  Connection* const connection_;
  bool is_over_ = true;
};

Object Client::call(std::uint64_t object, std::string_view operation, Object::List arguments,
                    Deadline deadline) {
  const auto gone = [this] { return ServerGone("the manager at " + place().address + " is gone"); };
  // They end after the reply: the server may have a proxy among them from nobody else.
  const Object all = Object::list(std::move(arguments));
  Lease lease(*this, take_or_gone());
  lease->request.clear();
  append_request({object, thread_number(), deadline, operation, {}}, all, lease->request);
  lease.set_over(false);
  if (lease->link->send(lease->request) != Status::ok) {
    withdraw_request(lease->request);
    throw gone();
  }
  if (lease->link->receive(lease->reply) != Status::ok) {
    withdraw_request(lease->request);
    throw gone();
  }
  lease.set_over(true);
  const Replying scope(*this);
  return value_of(lease->reply.bytes());
}

void Client::connect(const std::string& key) {
  std::unique_lock hold(mutex_);
  idle_.push_back(open_locked(key));
  key_ = key;
  hold.unlock();
  const std::string name = call(kServer, "address", {}, Deadline::never()).as_text();
  hold.lock();
  name_ = name;
  hold.unlock();  // a fork takes the other lock first
  set_server_name({place().backend, name}, weak_from_this());
}

std::string Client::name() const {
  const std::lock_guard hold(mutex_);
  return name_;
}

Client::Connection* Client::take_or_gone() {
  try {
    return take();
  } catch (const std::system_error& error) {
    throw ServerGone("the manager at " + place().address + " is gone: " + error.what());
  }
}

// One opens at a time, so that a fork finds it among all or not begun.
Client::Connection* Client::take() {
  const std::lock_guard hold(mutex_);
  if (!idle_.empty()) {
    Connection* const connection = idle_.back();
    idle_.pop_back();
    return connection;
  }
  return open_locked(key_);
}

// A server that does not know the session is another one, at the same place.
Client::Connection* Client::open_locked(const std::string& key) {
  std::uint64_t session = session_;
  std::unique_ptr<Connection> made;
  if (session != 0) made = open(key, {Hello::Kind::next, session_}, session);
  if (session == 0) {
    drop_idle_locked();
    made = open(key, {Hello::Kind::first, 0}, session);
  }
  session_ = session;
  return all_.emplace_back(std::move(made)).get();
}

void Client::give_back(Connection* connection) {
  const std::lock_guard hold(mutex_);
  idle_.push_back(connection);
}

// The others have most likely had the same end. With the last one, the session has ended.
void Client::drop(Connection* connection) {
  const std::lock_guard hold(mutex_);
  std::erase_if(all_, [&](const auto& each) { return each.get() == connection; });
  drop_idle_locked();
  if (all_.empty()) session_ = 0;
}

void Client::drop_idle_locked() {
  std::erase_if(all_, [this](const auto& each) {
    return std::ranges::find(idle_, each.get()) != idle_.end();
  });
  idle_.clear();
}

// The session is 0 when the server has none such.
std::unique_ptr<Client::Connection> Client::open(const std::string& key, const Hello& hello,
                                                 std::uint64_t& session) const {
  auto made = std::make_unique<Connection>();
  made->link = connect_(place().address);
  if (!authenticate(*made->link, key, Role::client)) {
    throw AuthenticationError("the manager at " + place().address + " has another key, or is none");
  }
  append_hello(hello, made->request);
  std::optional<std::uint64_t> joined;
  if (made->link->send(made->request) == Status::ok &&
      made->link->receive(made->reply) == Status::ok) {
    joined = parse_session(made->reply.bytes());
  }
  if (!joined) throw ServerGone("the manager at " + place().address + " is gone");
  session = *joined;
  return made;
}

// As far as the kernel knows: then there is nobody to ask for an heir.
bool Client::server_has_gone_locked() const {
  return std::ranges::any_of(all_, [](const auto& each) {
    return poll_until(each->link->hang_up_fd(), POLLRDHUP, Deadline::now()) != 0;
  });
}

void Client::before_fork() {
  mutex_.lock();
  if (session_ == 0 || server_has_gone_locked()) return;
  try {
    heir_ = open(key_, {Hello::Kind::heir, session_}, heirs_session_);
    if (heirs_session_ == 0) heir_.reset();
  } catch (const std::exception&) {
    heir_.reset();  // the child will see at its first call
  }
}

void Client::after_fork_in_parent() {
  heir_.reset();
  mutex_.unlock();
}

void Client::after_fork_in_child() {
  all_.clear();
  idle_.clear();
  session_ = 0;
  if (heir_) {
    idle_.push_back(heir_.get());
    all_.push_back(std::move(heir_));
    session_ = heirs_session_;
  }
  mutex_.unlock();
}

}  // namespace ipc::detail
