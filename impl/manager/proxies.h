// SPDX-License-Identifier: MIT
// The proxies of the types that every manager has, as Python's multiprocessing.managers has them.
// All values are copied in and out: what a call gives is a copy, and changing that changes nothing
// in the server. A proxy inside of a value is a reference: whoever reads it gets the same object.
//
//   auto d = manager.dict();
//   d["x"] = Object::list({});
//   d["x"].get().as_list().push_back(1);   // of a copy: d["x"] is [] still
//   d["l"] = manager.list();               // a reference
//   ipc::ListProxy(d["l"]).append(1);      // seen by all
//
// Each call is atomic, two are not. Who may call, errors and ownership: proxy.h. Timeouts are
// seconds, none is for ever; where Python raises ValueError for a negative one, so do Lock, RLock
// and Queue, for the others it is zero. What waits in the server holds up nobody else, and ends
// with its process.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "impl/manager/proxy.h"
#include "impl/os/timeout.h"

namespace ipc {

// What [] of a proxy gives: reads and writes when it is used.
template <class P, class Key>
class Item {
 public:
  Item(const P& proxy, Key key) : proxy_(proxy), key_(std::move(key)) {}

  Object get() const {
    if constexpr (requires { proxy_.at(key_); }) {
      return proxy_.at(key_);  // a dict's get is not its []
    } else {
      return proxy_.get(key_);
    }
  }
  operator Object() const { return get(); }
  operator Handle() const { return get().as_handle(); }
  const Item& operator=(Object value) const {
    proxy_.set(key_, std::move(value));
    return *this;
  }
  const Item& operator=(const Item& other) const { return *this = other.get(); }
  friend bool operator==(const Item& item, const Object& value) { return item.get() == value; }
  friend std::ostream& operator<<(std::ostream& out, const Item& item) { return out << item.get(); }

 private:
  P proxy_;
  Key key_;
};

// start:stop:step of Python; none: from the beginning, to the end, one by one.
struct SliceOf {
  std::optional<std::int64_t> start = std::nullopt;
  std::optional<std::int64_t> stop = std::nullopt;
  std::optional<std::int64_t> step = std::nullopt;
};

// What list and Array have in common. Indices count from the end where they are negative.
template <class P>
class SequenceProxy : public Proxy {
 public:
  Object get(std::int64_t index) const { return call("get", {index}); }  // IndexError
  void set(std::int64_t index, Object value) const {
    call("set", Object::pack(index, std::move(value)));
  }
  Object get(SliceOf slice) const { return call("get_slice", parts(slice)); }  // a list
  void set(SliceOf slice, Object values) const {
    Object::List given = parts(slice);
    given.push_back(std::move(values));
    call("set_slice", std::move(given));
  }
  std::size_t size() const { return call("length").as_unsigned(); }
  Item<P, std::int64_t> operator[](std::int64_t index) const {
    return {static_cast<const P&>(*this), index};
  }

  // Item by item, a call each: it sees what others change meanwhile.
  class Iterator {
   public:
    using value_type = Object;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(const SequenceProxy& all) : all_(&all) { read(); }
    const Object& operator*() const { return *item_; }
    Iterator& operator++() {
      ++place_;
      read();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !item_; }

   private:
    void read() {
      try {
        item_ = all_->get(place_);
      } catch (const IndexError&) {
        item_.reset();
      }
    }
    const SequenceProxy* all_;
    std::int64_t place_ = 0;
    std::optional<Object> item_;
  };
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }

 protected:
  using Proxy::Proxy;
  static Object::List parts(const SliceOf& slice) {
    const auto part = [](const auto& each) { return each ? Object(*each) : Object(); };
    return {part(slice.start), part(slice.stop), part(slice.step)};
  }
};

class ListProxy : public SequenceProxy<ListProxy> {
 public:
  ListProxy(Handle handle) : SequenceProxy(std::move(handle), "list") {}

  void append(Object value) const { call("append", Object::pack(std::move(value))); }
  void extend(Object values) const {
    call("extend", Object::pack(std::move(values)));
  }  // a list or tuple
  void insert(std::int64_t index, Object value) const {
    call("insert", Object::pack(index, std::move(value)));
  }
  Object pop(std::int64_t index = -1) const { return call("pop", {index}); }           // IndexError
  void remove(Object value) const { call("remove", Object::pack(std::move(value))); }  // ValueError
  void del(std::int64_t index) const { call("delete", {index}); }                      // IndexError
  void del(SliceOf slice) const { call("delete_slice", parts(slice)); }
  void reverse() const { call("reverse"); }
  // Python's reversed(list): of the list as it is now.
  Object reversed() const { return get(SliceOf{{}, {}, -1}); }
  void sort(bool reverse = false) const { call("sort", {reverse}); }  // TypeError
  bool contains(Object value) const {
    return call("contains", Object::pack(std::move(value))).as_bool();
  }
  std::size_t count(Object value) const {
    return call("count", Object::pack(std::move(value))).as_unsigned();
  }
  // Throws ValueError when it is not there.
  std::size_t index(Object value, std::int64_t start = 0,
                    std::optional<std::int64_t> stop = std::nullopt) const {
    return call("index", Object::pack(std::move(value), start, stop ? Object(*stop) : Object()))
        .as_unsigned();
  }

  // Plain lists. + throws TypeError for what is none, a proxy too.
  friend Object operator+(const ListProxy& list, Object more) {
    return list.call("add", Object::pack(std::move(more)));
  }
  friend Object operator*(const ListProxy& list, std::int64_t times) {
    return list.call("multiply", {times});
  }
  friend Object operator*(std::int64_t times, const ListProxy& list) { return list * times; }
  // Of the list in the server.
  const ListProxy& operator+=(Object more) const {
    extend(std::move(more));
    return *this;
  }
  const ListProxy& operator*=(std::int64_t times) const {
    call("multiply_in_place", {times});
    return *this;
  }
};

// In the order of insertion. A missing key is a KeyError, but for get.
class DictProxy : public Proxy {
 public:
  DictProxy(Handle handle) : Proxy(std::move(handle), "dict") {}

  Object at(Object key) const {
    return call("get", Object::pack(std::move(key)));
  }  // Python's d[key]
  Object get(Object key, Object otherwise = {}) const {
    return call("get_or", Object::pack(std::move(key), std::move(otherwise)));
  }
  void set(Object key, Object value) const {
    call("set", Object::pack(std::move(key), std::move(value)));
  }
  void del(Object key) const { call("delete", Object::pack(std::move(key))); }
  Item<DictProxy, Object> operator[](Object key) const { return {*this, std::move(key)}; }
  bool contains(Object key) const {
    return call("contains", Object::pack(std::move(key))).as_bool();
  }
  std::size_t size() const { return call("length").as_unsigned(); }
  void clear() const { call("clear"); }
  Object copy() const { return call("copy"); }    // a plain dict
  Object items() const { return call("items"); }  // plain lists
  Object keys() const { return call("keys"); }
  Object values() const { return call("values"); }
  Object pop(Object key) const { return call("pop", Object::pack(std::move(key))); }
  Object pop(Object key, Object otherwise) const {
    return call("pop", Object::pack(std::move(key), std::move(otherwise)));
  }
  Object popitem() const { return call("popitem"); }  // a tuple, the last one; KeyError
  Object setdefault(Object key, Object value = {}) const {
    return call("setdefault", Object::pack(std::move(key), std::move(value)));
  }
  void update(Object entries) const {
    call("update", Object::pack(std::move(entries)));
  }  // a plain dict

  // Over the keys, a call each. Throws RuntimeError when the dict changes its size meanwhile.
  class Iterator {
   public:
    using value_type = Object;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(const DictProxy& dict) : next_(dict.call("iterate").as_handle()) { ++*this; }
    const Object& operator*() const { return key_[0]; }
    Iterator& operator++() {
      key_ = next_.call("next");
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return key_.is_none(); }

   private:
    Proxy next_;
    Object key_;
  };
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }
};

// Attributes by name. Those whose names begin with '_' are this proxy's and its copies' in this
// process, not the server's. A missing one is an AttributeError.
class NamespaceProxy : public Proxy {
 public:
  NamespaceProxy(Handle handle) : Proxy(std::move(handle), "Namespace") {}

  Object get(std::string name) const;
  void set(std::string name, Object value) const;
  void del(std::string name) const;
  Item<NamespaceProxy, std::string> operator[](std::string name) const {
    return {*this, std::move(name)};
  }

 private:
  using Local = std::map<std::string, Object>;
  std::shared_ptr<Local> local_ = std::make_shared<Local>();
};

// What has acquire and release, for std::lock_guard too.
class AcquirerProxy : public Proxy {
 public:
  // False when it was not to be had in time. Throws ValueError for a timeout without block, and for
  // a negative one.
  bool acquire(bool block = true, Timeout timeout = std::nullopt) const;
  // Throws RuntimeError when it is not held.
  void release() const { call("release"); }

  void lock() const { acquire(); }
  void unlock() const { release(); }
  bool try_lock() const { return acquire(false); }

 protected:
  using Proxy::Proxy;
};

// Any client may release it. One that a process held which has ended is free.
class LockProxy : public AcquirerProxy {
 public:
  LockProxy(Handle handle) : AcquirerProxy(std::move(handle), "Lock") {}
};

// A thread of a process holds it, as often as it has acquired it.
class RLockProxy : public AcquirerProxy {
 public:
  RLockProxy(Handle handle) : AcquirerProxy(std::move(handle), "RLock") {}
};

// What a process has acquired that has ended is lost: a semaphore knows no holders.
class SemaphoreProxy : public AcquirerProxy {
 public:
  SemaphoreProxy(Handle handle) : SemaphoreProxy(std::move(handle), "Semaphore") {}
  // A negative timeout is zero.
  bool acquire(bool block = true, Timeout timeout = std::nullopt) const;
  // So many. A BoundedSemaphore throws ValueError above its first value.
  void release(std::int64_t count = 1) const { call("release", {count}); }
  void unlock() const { release(); }

 protected:
  SemaphoreProxy(Handle handle, std::string_view type) : AcquirerProxy(std::move(handle), type) {}
};
class BoundedSemaphoreProxy : public SemaphoreProxy {
 public:
  BoundedSemaphoreProxy(Handle handle) : SemaphoreProxy(std::move(handle), "BoundedSemaphore") {}
};

// All but acquire throws RuntimeError unless the lock is held.
class ConditionProxy : public AcquirerProxy {
 public:
  ConditionProxy(Handle handle) : AcquirerProxy(std::move(handle), "Condition") {}

  bool wait(Timeout timeout = std::nullopt) const;  // true: notified
  // The last value of the predicate, which runs here.
  bool wait_for(const std::function<bool()>& predicate, Timeout timeout = std::nullopt) const;
  void notify(std::int64_t count = 1) const { call("notify", {count}); }
  void notify_all() const { call("notify_all"); }
};

class EventProxy : public Proxy {
 public:
  EventProxy(Handle handle) : Proxy(std::move(handle), "Event") {}

  bool is_set() const { return call("is_set").as_bool(); }
  void set() const { call("set"); }
  void clear() const { call("clear"); }
  bool wait(Timeout timeout = std::nullopt) const;  // false: the time is over
};

// One that ends while it waits breaks the barrier.
class BarrierProxy : public Proxy {
 public:
  BarrierProxy(Handle handle) : Proxy(std::move(handle), "Barrier") {}

  // This one's place, 0 for the first to come. Throws BrokenBarrier, and what the action throws.
  std::size_t wait(Timeout timeout = std::nullopt) const;
  void abort() const { call("abort"); }
  void reset() const { call("reset"); }
  std::size_t parties() const { return call("parties").as_unsigned(); }
  std::size_t n_waiting() const { return call("n_waiting").as_unsigned(); }
  bool broken() const { return call("broken").as_bool(); }
};

// First in, first out over all producers: a put returns when the item is in the server. qsize,
// empty and full are exact. An item that a get has taken whose process has ended before it was sent
// there is the first again.
class QueueProxy : public Proxy {
 public:
  QueueProxy(Handle handle) : QueueProxy(std::move(handle), "Queue") {}

  void put(Object item, bool block = true, Timeout timeout = std::nullopt) const;  // Full
  Object get(bool block = true, Timeout timeout = std::nullopt) const;             // Empty
  void put_nowait(Object item) const { put(std::move(item), false); }
  Object get_nowait() const { return get(false); }
  std::size_t qsize() const { return call("qsize").as_unsigned(); }
  bool empty() const { return call("empty").as_bool(); }
  bool full() const { return call("full").as_bool(); }
  void task_done() const { call("task_done"); }  // ValueError: more often than there were items
  void join() const { call("join"); }            // until each item is done

 protected:
  QueueProxy(Handle handle, std::string_view type) : Proxy(std::move(handle), type) {}
};
class JoinableQueueProxy : public QueueProxy {
 public:
  JoinableQueueProxy(Handle handle) : QueueProxy(std::move(handle), "JoinableQueue") {}
};

// One value; its type code is for show.
class ValueProxy : public Proxy {
 public:
  ValueProxy(Handle handle) : Proxy(std::move(handle), "Value") {}

  Object get() const { return call("get"); }
  void set(Object value) const { call("set", Object::pack(std::move(value))); }
};

// Elements of the type of its code: throws TypeError, OverflowError.
class ArrayProxy : public SequenceProxy<ArrayProxy> {
 public:
  ArrayProxy(Handle handle) : SequenceProxy(std::move(handle), "Array") {}
};

}  // namespace ipc
