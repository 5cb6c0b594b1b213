// SPDX-License-Identifier: MIT
#include "impl/manager/server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <new>
#include <utility>
#include <vector>

#include "impl/codec/encoding.h"
#include "impl/codec/parts.h"
#include "impl/manager/authentication.h"
#include "impl/manager/together.h"
#include "impl/os/quiet_thread.h"

namespace ipc::detail {
namespace {

constexpr std::chrono::seconds kPatience{10};  // with one who is turned away

Server* the_server = nullptr;

std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (number == 0) fill_randomly(std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

// What is no list of objects is the client's mistake, and leaves the connection in step.
Arguments arguments_of(std::span<const std::byte> message) {
  try {
    Object decoded = decode(message);
    return Arguments(std::move(decoded.as_list()));
  } catch (const Error& error) {
    throw RemoteError("the arguments cannot be decoded: " + std::string(error.what()));
  }
}

}  // namespace

Entry::Entry(Server& a_server, std::uint64_t an_id, std::string a_type,
             std::shared_ptr<Referent> a_referent)
    : server(a_server), id(an_id), type(std::move(a_type)), referent(std::move(a_referent)) {}

// Referents end one after the other: in a list that is in a list that is in a list and so on, each
// would end inside the end of the one around it, until there is no stack left.
Entry::~Entry() {
  {
    const std::lock_guard hold(server.objects_mutex_);
    server.objects_.erase(id);
  }
  static thread_local std::vector<std::shared_ptr<Referent>>* to_end = nullptr;
  if (to_end != nullptr) {
    try {
      to_end->push_back(std::move(referent));
    } catch (const std::bad_alloc&) {  // then inside
    }
    return;
  }
  std::vector<std::shared_ptr<Referent>> inner;
  to_end = &inner;
  referent.reset();
  while (!inner.empty()) {
    const std::shared_ptr<Referent> next = std::move(inner.back());
    inner.pop_back();
  }
  to_end = nullptr;
}

Server::Server(StorePlace place, std::string key, std::map<std::string, Factory, std::less<>> types,
               int stop_fd)
    : place_(std::move(place)),
      key_(std::move(key)),
      types_(std::move(types)),
      stop_fd_(stop_fd),
      next_id_(random_number()) {}  // none is of an earlier server at the same place

Server* Server::here() { return the_server; }
void Server::set_here() {
  the_server = this;
  pthread_atfork(nullptr, nullptr, [] { the_server = nullptr; });  // a child is not the server
}

std::shared_ptr<Entry> Server::find(std::uint64_t id) const {
  const std::lock_guard hold(objects_mutex_);
  const auto found = objects_.find(id);
  return found == objects_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<Entry> Server::add(std::string_view type, std::shared_ptr<Referent> made) {
  std::unique_lock hold(objects_mutex_);
  const std::uint64_t id = next_id_++;
  hold.unlock();
  auto entry = std::make_shared<Entry>(*this, id, std::string(type), std::move(made));
  hold.lock();
  objects_.emplace(id, entry);
  return entry;
}

std::size_t Server::number_of_objects() const {
  const std::lock_guard hold(objects_mutex_);
  return objects_.size();
}

void Server::count(Session& session, const std::shared_ptr<Entry>& entry) {
  const std::lock_guard hold(session.mutex);
  Held& held = session.held[entry->id];
  held.entry = entry;
  ++held.count;
}

void Server::count_all(Session& session, const Object& value) {
  for_each_part(value, [&](const Object& part) {
    if (!part.is_handle()) return;
    if (const auto entry = std::dynamic_pointer_cast<const Entry>(part.as_handle().hold())) {
      count(session, std::const_pointer_cast<Entry>(entry));
    }
  });
}

// A connection's part in its session.
class Server::Joined {
 public:
  Joined(Server& server, const Hello& hello)
      : server_(server), session_(server.join(number_, hello)) {}
  ~Joined() {
    if (session_) server_.part(number_);
  }
  Joined(const Joined&) = delete;
  Joined& operator=(const Joined&) = delete;

  std::uint64_t number() const { return number_; }  // 0: there is no such session
  Session& session() { return *session_; }

 private:
  Server& server_;
  std::uint64_t number_ = 0;
  std::shared_ptr<Session> session_;
};

std::shared_ptr<Server::Session> Server::join(std::uint64_t& number, const Hello& hello) {
  std::shared_ptr<Session> old;
  std::unique_lock hold(sessions_mutex_);
  if (hello.kind != Hello::Kind::first) {
    const auto found = sessions_.find(hello.session);
    if (found == sessions_.end()) return nullptr;
    old = found->second;
  }
  if (hello.kind == Hello::Kind::next) {
    number = hello.session;
    ++old->connections;
    return old;
  }
  auto made = std::make_shared<Session>();
  made->connections = 1;
  number = random_number();
  sessions_.emplace(number, made);
  hold.unlock();
  if (old) {
    const std::lock_guard hold_old(old->mutex);
    made->held = old->held;  // nobody else knows it yet
  }
  return made;
}

void Server::part(std::uint64_t number) {
  std::unique_lock hold(sessions_mutex_);
  const auto found = sessions_.find(number);
  if (--found->second->connections != 0) return;
  const std::shared_ptr<Session> ended = found->second;
  sessions_.erase(found);
  hold.unlock();
  std::vector<std::shared_ptr<Entry>> all;
  {
    const std::lock_guard hold_objects(objects_mutex_);
    all.reserve(objects_.size());
    for (const auto& [id, each] : objects_) all.push_back(each.lock());
  }
  for (const auto& each : all) {
    if (each) each->referent->forget(number);
  }
}

void Server::serve(Link& link) {
  if (authenticate(link, key_, Role::server)) serve_known(link);
}

void Server::serve_known(Link& link) {
  Buffer message;
  if (link.receive(message) != Status::ok) return;
  const std::optional<Hello> hello = parse_hello(message.bytes());
  if (!hello) return;
  Joined joined(*this, *hello);
  Bytes reply;
  append_session(joined.number(), reply);
  if (link.send(reply) != Status::ok) return;
  if (joined.number() == 0) {  // until the client has read it and goes
    link.limit(0, kPatience);
    link.receive(message);
    return;
  }
  serve_session(link, joined.session(), joined.number());
}

std::shared_ptr<Entry> Server::held(Session& session, std::uint64_t id) {
  const std::lock_guard hold(session.mutex);
  const auto found = session.held.find(id);
  if (found == session.held.end()) {
    throw RemoteError("this client holds no such object: unknown id");
  }
  return found->second.entry;
}

// A call after the other, until the client goes or says what no client says.
void Server::serve_session(Link& link, Session& session, std::uint64_t number) {
  Caller caller(link.hang_up_fd(), [this](std::string_view type, std::shared_ptr<Referent> made) {
    auto entry = add(type, std::move(made));
    const std::uint64_t id = entry->id;
    return Object(proxy_handle(place_, type, id, std::move(entry)));
  });
  Buffer message;
  Bytes reply;
  while (link.receive(message) == Status::ok) {
    const std::optional<Request> request = parse_request(message.bytes());
    if (!request) return;
    caller.user = {number, request->thread};
    caller.deadline = request->deadline;
    reply.clear();
    std::shared_ptr<Entry> entry;
    std::shared_ptr<Referent> called;  // what has given the result
    Arguments arguments{Object::List()};
    Object result;
    try {
      arguments = arguments_of(request->arguments);
      if (request->object != kServer) {
        entry = held(session, request->object);
        called = entry->referent;
      } else if (request->operation == kTogether) {
        called =
            std::make_shared<Together>([&session](std::uint64_t id) { return held(session, id); });
      }
      result = called ? called->call(request->operation, arguments, caller)
                      : call_itself(*request, arguments, session);
      try {
        append_value(result, reply);
        if (reply.size() > kLongestMessage) {
          withdraw(std::span(reply).subspan(1));
          throw ValueError("it is too long");
        }
      } catch (const std::exception& error) {
        if (called) {
          called->undelivered(request->operation, arguments, std::exchange(result, {}));
        }
        reply.clear();
        throw RemoteError("the result cannot be sent: " + std::string(error.what()));
      }
      count_all(session, result);
    } catch (const CallerGone&) {
      return;
    } catch (const std::exception& error) {
      append_error(error, reply);
      called.reset();
    } catch (...) {
      append_error(RemoteError("what was thrown is no std::exception"), reply);
      called.reset();
    }
    if (link.send(reply) != Status::ok) {
      withdraw(std::span(reply).subspan(1));
      if (called) {
        called->undelivered(request->operation, arguments, std::move(result));
      }
      return;
    }
  }
}

Object Server::call_itself(const Request& request, Arguments& arguments, Session& session) {
  const auto id_in = [&](std::size_t place) {
    if (arguments.size() <= place) throw TypeError("an argument is missing");
    return arguments[place].as_unsigned();
  };
  if (request.operation == "create") {
    if (arguments.size() != 2) throw TypeError("create takes a type and a list");
    const std::string type = arguments[0].as_text();
    const auto found = types_.find(type);
    if (found == types_.end()) throw RemoteError("no type '" + type + "' is registered");
    try {
      Object list = arguments.take(1);
      Arguments given(std::move(list.as_list()));
      auto entry = add(type, found->second(given));
      const std::uint64_t id = entry->id;
      return proxy_handle(place_, type, id, std::move(entry));
    } catch (const std::exception& error) {
      const NamedError what = named(error);
      throw RemoteError(what.name == "RemoteError" ? what.text : what.name + ": " + what.text);
    }
  }
  if (request.operation == "refer") {
    const auto entry = find(id_in(0));
    if (!entry) throw RemoteError("there is no such object: unknown id");
    count(session, entry);
    return {};
  }
  if (request.operation == "release") {
    std::shared_ptr<Entry> last;  // ends after the lock
    const std::lock_guard hold(session.mutex);
    const auto held = session.held.find(id_in(0));
    if (held != session.held.end() && --held->second.count == 0) {
      last = std::move(held->second.entry);
      session.held.erase(held);
    }
    return {};
  }
  if (request.operation == "address") return place_.address;
  if (request.operation == "number_of_objects") return number_of_objects();
  throw RemoteError("no operation '" + std::string(request.operation) + "' of the server");
}

void serve_connections(Server& server, int creator, int listener,
                       const std::function<std::unique_ptr<Link>()>& accept) {
  std::array<pollfd, 3> watched{
      {{server.stop_fd(), POLLIN, 0}, {creator, POLLIN, 0}, {listener, POLLIN, 0}}};
  for (;;) {
    if (poll(watched.data(), watched.size(), -1) < 0) {
      if (errno != EINTR) throw_errno("poll");
      continue;
    }
    if (watched[0].revents != 0 || watched[1].revents != 0) return;
    std::shared_ptr<Link> link = accept();
    if (!link) continue;
    try {
      quiet_thread([&server, link] {
        try {
          server.serve(*link);
        } catch (const std::exception& error) {  // of this connection alone
          std::fprintf(stderr, "a connection of a manager: %s\n", error.what());
        }
        // Also for copies that workers of a pool have: the client sees the end.
        shutdown(link->hang_up_fd(), SHUT_RDWR);
      }).detach();
    } catch (const std::system_error& error) {  // no more threads: this client gets an end
      std::fprintf(stderr, "a connection of a manager: %s\n", error.what());
    }
  }
}

void wait_for_end(const Server& server, int creator, int also) {
  std::array<pollfd, 3> watched{
      {{server.stop_fd(), POLLIN, 0}, {creator, POLLIN, 0}, {also, POLLIN, 0}}};
  while (poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) throw_errno("poll");
  }
}

Handle proxy_handle(const StorePlace& place, std::string_view type, std::uint64_t id,
                    std::shared_ptr<const Handle::Hold> hold) {
  Bytes bytes;
  encode(Object::list({place.backend, place.address, type, id}), bytes);
  return {"Proxy", std::move(bytes), {}, std::move(hold)};
}

}  // namespace ipc::detail
