// SPDX-License-Identifier: MIT
// Value and RawValue: one value in memory shared by processes, as Python's multiprocessing has
// them.
//
//   ipc::Value<long> hits{0};
//   ipc::Process child{[&] { hits.update([](long& n) { ++n; }); }};
//
//   { std::lock_guard hold(hits); hits.set_value(hits.value() + 1); }     // the same, Python's way
//
// Made before the processes that use it are forked; a copy is the same value. Any thread may call.
// Each single access holds the lock; value() followed by set_value() is two periods of it, and
// loses what others do in between: hold the lock, or use update(). T is any type that can be copied
// byte by byte; who reads under the lock latch waits for nobody, also not for one that holds it, so
// several accesses of a holder are seen one by one there, unless the reader holds it as well. A
// number is converted to it as C++ does, without a check of its range.
//
// The lock is recursive, and by default one that notices the death of its holder (futex), where
// Python's stays taken for ever.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "impl/shared/guard.h"

namespace ipc {

template <class T>
concept SharedType =
    std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T>;

namespace detail {

// What both have: the value whole, or one field of a struct.
template <SharedType T>
class OneValue {
 public:
  T value() const { return get<T>(0); }
  void set_value(const T& value) { set(0, value); }

  // One field: value(&Point::x). Others may change between two.
  template <class Field, std::same_as<T> Struct>
  Field value(Field Struct::*field) const {
    return get<Field>(offset_of(field));
  }
  template <class Field, std::same_as<T> Struct>
  void set_value(Field Struct::*field, const std::type_identity_t<Field>& value) {
    set(offset_of(field), value);
  }

 protected:
  explicit OneValue(std::shared_ptr<Guard> guard) : guard_(std::move(guard)) {}

  std::shared_ptr<Guard> guard_;

 private:
  template <class Part>
  Part get(std::size_t offset) const {
    Part part;
    guard_->read(offset, std::as_writable_bytes(std::span(&part, 1)));
    return part;
  }
  template <class Part>
  void set(std::size_t offset, const Part& part) {
    guard_->write(offset, std::as_bytes(std::span(&part, 1)));
  }
  template <class Field, class Struct>
  static std::size_t offset_of(Field Struct::*field) {
    const T object{};
    return static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&(object.*field)) -
                                    reinterpret_cast<const std::byte*>(&object));
  }
};

// What Value and Array say of their lock. REQUIRES of Self: a guard_ that this may see.
template <class Self>
class Holdable {
 public:
  // Throws ValueError when there is none: the locks none and atomic.
  SharedLock& get_lock() { return static_cast<Self*>(this)->guard_->lock(); }
  bool acquire(bool block = true, Timeout timeout = std::nullopt) {
    return get_lock().acquire(block, timeout);
  }
  void release() { get_lock().release(); }
  void lock() { acquire(); }  // for std::lock_guard
  void unlock() { release(); }
  bool try_lock() { return acquire(false); }
};

// The bytes of a guard without its lock. Throws ValueError where they have no place of their own.
inline std::shared_ptr<Guard> unguarded(const std::shared_ptr<Guard>& guard) {
  return std::make_shared<Guard>(guard, SharedOptions{.lock = "none"});
}

}  // namespace detail

// Without a lock: nothing is atomic but that the CPU moves aligned numbers whole.
template <SharedType T>
class RawValue : public detail::OneValue<T> {
 public:
  static constexpr std::string_view kInheritedAs = "RawValue";

  explicit RawValue(const T& init = T{}, const std::string& memory = "anonymous")
      : RawValue(
            std::make_shared<Guard>(sizeof(T), SharedOptions{.memory = memory, .lock = "none"})) {
    this->set_value(init);
  }
  // In the memory itself. Good as long as this value, or a copy, exists.
  T* address() const { return reinterpret_cast<T*>(this->guard_->in_place()); }

 private:
  template <SharedType>
  friend class Value;
  explicit RawValue(std::shared_ptr<Guard> guard) : detail::OneValue<T>(std::move(guard)) {}
};

template <SharedType T>
class Value : public detail::OneValue<T>, public detail::Holdable<Value<T>> {
  friend detail::Holdable<Value>;

 public:
  static constexpr std::string_view kInheritedAs = "Value";

  // Throws ValueError for an unknown name, std::system_error.
  explicit Value(const T& init = T{}, const SharedOptions& options = {})
      : detail::OneValue<T>(std::make_shared<Guard>(sizeof(T), options)) {
    this->set_value(init);
  }
  // Python's synchronized(): a raw value, from now on under a lock. Who goes on using the raw one
  // goes round it.
  explicit Value(const RawValue<T>& raw, const SharedOptions& options = {})
      : detail::OneValue<T>(std::make_shared<Guard>(raw.guard_, options)) {}

  // value = change(value), nobody in between. Python has no such thing. `change` takes a T&; with
  // the lock atomic it may be called several times.
  template <class Change>
  T update(const Change& change) {
    T value;
    this->guard_->update(0, std::as_writable_bytes(std::span(&value, 1)),
                         [&](std::span<std::byte>) { change(value); });
    return value;
  }

  // The value without its lock. Throws ValueError where it has no place of its own (latch).
  RawValue<T> get_obj() const { return RawValue<T>(detail::unguarded(this->guard_)); }
};

// A new raw value with the content of another.
template <SharedType T>
RawValue<T> copy(const RawValue<T>& other) {
  return RawValue<T>(other.value());
}

}  // namespace ipc
