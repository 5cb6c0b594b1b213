// SPDX-License-Identifier: MIT
// The proxies of a Pool in the server of a manager, as Python's. Its tasks are called by the names
// under which they were registered (Manager::register_task):
//
//   ipc::Manager m({.start = false});
//   m.register_task("square", [](const ipc::Object::List& given) -> ipc::Object {
//     return given[0].as_integer() * given[0].as_integer();
//   });
//   m.start();
//   auto pool = m.pool(2);
//   pool.apply("square", {7});                             // 49
//   pool.map("square", ipc::Object::list({1, 2, 3}));      // [1, 4, 9]
//
// The workers are children of the server, and have what that had at its start. Errors as of
// ipc::Pool: TaskError, WorkerDied, PoolTerminated, TimeoutError, ValueError after close() and for
// a name that is not registered. The pool is terminated with the last proxy of it.
#pragma once

#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "impl/manager/proxy.h"
#include "impl/os/timeout.h"
#include "impl/process/async_result.h"

namespace ipc {

// What a task, or a map, will give.
class AsyncResultProxy : public Proxy {
 public:
  AsyncResultProxy(Handle handle) : Proxy(std::move(handle), "AsyncResult") {}

  Object get(Timeout timeout = std::nullopt) const { return call("get", {}, deadline_of(timeout)); }
  void wait(Timeout timeout = std::nullopt) const { call("wait", {}, deadline_of(timeout)); }
  bool ready() const { return call("ready").as_bool(); }
  bool successful() const { return call("successful").as_bool(); }  // ValueError: not ready
};

// Results, each given once. For one that goes through them.
class PoolIteratorProxy : public Proxy {
 public:
  PoolIteratorProxy(Handle handle) : Proxy(std::move(handle), "PoolIterator") {}

  // None after the last. Throws what its task did; the next call gives the next one.
  std::optional<Object> next(Timeout timeout = std::nullopt) const {
    const Object taken = call("next", {}, deadline_of(timeout));
    return taken.is_none() ? std::nullopt : std::optional(taken[0]);
  }

  class Iterator {
   public:
    using value_type = Object;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(const PoolIteratorProxy& all) : all_(&all), item_(all.next()) {}
    const Object& operator*() const { return *item_; }
    Iterator& operator++() {
      item_ = all_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !item_; }

   private:
    const PoolIteratorProxy* all_;
    std::optional<Object> item_;
  };
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }
};

class PoolProxy : public Proxy {
 public:
  PoolProxy(Handle handle) : Proxy(std::move(handle), "Pool") {}

  Object apply(std::string task, Object::List arguments = {}) const {
    return call("apply", Object::pack(std::move(task), Object::list(std::move(arguments))));
  }
  AsyncResultProxy apply_async(std::string task, Object::List arguments = {}) const {
    return call("apply_async", Object::pack(std::move(task), Object::list(std::move(arguments))))
        .as_handle();
  }
  // Of each item, a list or tuple of them, in their order: a list.
  Object map(std::string task, Object items, std::optional<int> chunksize = {}) const {
    return call("map", given(std::move(task), std::move(items), chunksize));
  }
  AsyncResultProxy map_async(std::string task, Object items,
                             std::optional<int> chunksize = {}) const {
    return call("map_async", given(std::move(task), std::move(items), chunksize)).as_handle();
  }
  // The items are lists or tuples of arguments.
  Object starmap(std::string task, Object items, std::optional<int> chunksize = {}) const {
    return call("starmap", given(std::move(task), std::move(items), chunksize));
  }
  AsyncResultProxy starmap_async(std::string task, Object items,
                                 std::optional<int> chunksize = {}) const {
    return call("starmap_async", given(std::move(task), std::move(items), chunksize)).as_handle();
  }
  // In the order of the items, or as they come.
  PoolIteratorProxy imap(std::string task, Object items) const {
    return call("imap", Object::pack(std::move(task), std::move(items))).as_handle();
  }
  PoolIteratorProxy imap_unordered(std::string task, Object items) const {
    return call("imap_unordered", Object::pack(std::move(task), std::move(items))).as_handle();
  }

  void close() const { call("close"); }
  void terminate() const { call("terminate"); }
  void join() const { call("join"); }  // ValueError before close or terminate

 private:
  static Object::List given(std::string task, Object items, std::optional<int> chunksize) {
    return {std::move(task), std::move(items), chunksize ? Object(*chunksize) : Object()};
  }
};

}  // namespace ipc
