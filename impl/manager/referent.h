// SPDX-License-Identifier: MIT
// Referent: an object in the server, which proxies refer to; and what it sees of those who call it.
//
// Threads of the server call it at the same time, each for one client: a referent locks what it
// has. One that waits does so with Waiters, so that the end of its client ends the wait; it keeps
// others waiting with nothing but its own lock, and that never for long.
//
// A type of one's own (Manager::register_type):
//
//   class Counter : public ipc::Exposing<Counter> {
//    public:
//     static const ipc::Methods<Counter>& methods() {
//       static const ipc::Methods<Counter> all{{"increment", 0, 1, &Counter::increment}};
//       return all;
//     }
//    private:
//     ipc::Object increment(ipc::Arguments& arguments, ipc::Caller&) { ... }
//   };
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "impl/codec/object.h"
#include "impl/manager/errors.h"
#include "impl/os/deadline.h"
#include "impl/os/unique_fd.h"

namespace ipc {

class Referent;

// What an operation, or a constructor, is given.
class Arguments {
 public:
  explicit Arguments(Object::List all) : all_(std::move(all)) {}

  std::size_t size() const { return all_.size(); }
  // Throws TypeError unless there are so many for that operation.
  void require_count(std::size_t least, std::size_t most, std::string_view operation) const;
  // REQUIRES of both: there is one of that number.
  const Object& operator[](std::size_t number) const { return all_[number]; }
  Object take(std::size_t number) { return std::move(all_[number]); }
  // None where there are no more.
  Object take_or_none(std::size_t number) { return number < size() ? take(number) : Object(); }
  // What a proxy among them refers to, in this server. Throws TypeError when it is none.
  std::shared_ptr<Referent> referent(std::size_t number) const;

  // The place at which an operation has taken what it gives, for undelivered.
  std::optional<std::size_t> taken_from;

 private:
  Object::List all_;
};

// A thread of a client.
struct User {
  std::uint64_t session = 0;  // its process
  std::uint64_t thread = 0;
  bool operator==(const User&) const = default;
};

// Thrown inside of a call whose client has gone; nobody gets a reply.
struct CallerGone {};

// Whom a call is for. The server's, one for each connection.
class Caller {
 public:
  // Makes a new object of the server, and the proxy of it that goes to the client.
  using Adopt = std::function<Object(std::string_view type, std::shared_ptr<Referent>)>;

  Caller(int hang_up_fd, Adopt adopt);  // throws std::system_error

  User user;
  Deadline deadline = Deadline::never();  // of the call

  Object adopt(std::string_view type, std::shared_ptr<Referent> made) const {
    return adopt_(type, std::move(made));
  }

 private:
  friend class Waiters;
  // Unlocks meanwhile. False when the deadline has passed. Throws CallerGone.
  bool sleep(std::unique_lock<std::mutex>& hold);
  void wake();

  int hang_up_fd_;
  UniqueFd woken_;  // an eventfd
  Adopt adopt_;
};

// Those who wait for a change of a referent, first in, first out. It is guarded by that one's lock.
class Waiters {
 public:
  // Until `ready()`, which is asked under the lock; false when the deadline has passed before.
  // Throws CallerGone, and then has taken nothing.
  template <class Ready>
  bool wait(Caller& caller, std::unique_lock<std::mutex>& hold, const Ready& ready) {
    if (ready()) return true;
    if (caller.deadline.passed()) return false;
    const Place place(*this, caller);
    do {
      if (!caller.sleep(hold)) return ready();
    } while (!ready());
    return true;
  }

  void wake_one() {
    if (!callers_.empty()) callers_.front()->wake();
  }
  void wake_all() {
    for (Caller* const each : callers_) each->wake();
  }
  std::size_t size() const { return callers_.size(); }

 private:
  // Whoever leaves wakes the next: he may have been woken for what he does not take.
  class Place {
   public:
    Place(Waiters& waiters, Caller& caller)
        : waiters_(waiters), at_(waiters.callers_.insert(waiters.callers_.end(), &caller)) {}
    ~Place() {
      waiters_.callers_.erase(at_);
      waiters_.wake_one();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    Waiters& waiters_;
    const std::list<Caller*>::iterator at_;
  };

  std::list<Caller*> callers_;
};

class Referent {
 public:
  virtual ~Referent() = default;
  // What the operation gives. What it throws, the caller gets (errors.h).
  virtual Object call(std::string_view operation, Arguments& arguments, Caller& caller) = 0;
  // What an operation has given, and its client did not get: it went before, or no message carries
  // it. The arguments are as the operation has left them.
  virtual void undelivered(std::string_view, Arguments&, Object&&) {}
  // That client has gone, with all its threads.
  virtual void forget(std::uint64_t) {}
};

// The operations of a type, by name.
template <class T>
class Methods {
 public:
  using Method = Object (T::*)(Arguments& arguments, Caller& caller);
  struct Exposed {
    std::string_view name;
    std::size_t least;  // of its arguments
    std::size_t most;
    Method method;
  };

  Methods(std::initializer_list<Exposed> all) {
    for (const Exposed& each : all) by_name_.emplace(each.name, each);
  }

  Object call(T& object, std::string_view name, Arguments& arguments, Caller& caller) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) throw RemoteError("no operation '" + std::string(name) + "'");
    const Exposed& exposed = found->second;
    arguments.require_count(exposed.least, exposed.most, name);
    return (object.*exposed.method)(arguments, caller);
  }

 private:
  std::unordered_map<std::string_view, Exposed> by_name_;
};

template <class T>
class Exposing : public Referent {
 public:
  Object call(std::string_view operation, Arguments& arguments, Caller& caller) override {
    return T::methods().call(static_cast<T&>(*this), operation, arguments, caller);
  }
};

// Makes a referent of a type. What it throws, the client gets as a RemoteError.
using Factory = std::function<std::shared_ptr<Referent>(Arguments& arguments)>;

}  // namespace ipc
