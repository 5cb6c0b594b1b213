// SPDX-License-Identifier: MIT
// Array and RawArray: elements of one type in memory shared by processes, as Python's
// multiprocessing has them.
//
//   ipc::Array<double> samples(1000);            // all zero
//   ipc::Array<int> primes{2, 3, 5};
//   samples[-1] = 0.5;                           // counts from the end
//   std::vector<int> some = primes.slice({.stop = 2});
//   ipc::Array<char> name("hello");              // text: name.value(), name.raw()
//
// The length never changes. One element, and one whole slice, is read or written in one period of
// the lock; two accesses are two, and iteration is one for each element: hold the lock over them,
// those who read as well. Without a lock each element is an access.
// For the rest see value.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "impl/os/error.h"
#include "impl/shared/value.h"

namespace ipc {

// Python's a[start:stop:step]: what is left out is the end where it begins or stops; bounds are cut
// to the array. A step of 0 is a ValueError.
struct Slice {
  std::optional<std::int64_t> start = {};
  std::optional<std::int64_t> stop = {};
  std::int64_t step = 1;
};

namespace detail {

// A slice of so many elements: the first one, and how many.
struct Indices {
  std::int64_t first;
  std::int64_t count;
  std::int64_t step;
};
Indices indices_of(const Slice& slice, std::int64_t size);
std::int64_t checked_index(std::int64_t index, std::int64_t size);
std::size_t checked_size(std::int64_t size, std::size_t element);

// What an array can be filled with: a text literal without its NUL.
template <class T>
using Contents = std::conditional_t<std::same_as<T, char>, std::string_view, std::span<const T>>;

template <SharedType T>
class Elements {
  static_assert(!std::same_as<T, bool>, "a vector of bool has no bytes; use char");

 public:
  class Element {
   public:
    operator T() const { return array_.get(index_); }
    Element& operator=(const T& value) {
      array_.set(index_, value);
      return *this;
    }
    Element& operator=(const Element& other) { return *this = static_cast<T>(other); }
    Element(const Element&) = default;

   private:
    friend class Elements;
    Element(Elements& array, std::int64_t index) : array_(array), index_(index) {}
    Elements& array_;
    std::int64_t index_;
  };

  // Reads one element after the other.
  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    T operator*() const { return array_->get(index_); }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++index_;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    friend class Elements;
    Iterator(const Elements* array, std::int64_t index) : array_(array), index_(index) {}
    const Elements* array_ = nullptr;
    std::int64_t index_ = 0;
  };

  std::size_t size() const { return size_; }

  // A negative index counts from the end. All throw IndexError where there is no element.
  T get(std::int64_t index) const {
    T element;
    guard_->read(place(index), std::as_writable_bytes(std::span(&element, 1)));
    return element;
  }
  void set(std::int64_t index, const T& value) {
    guard_->write(place(index), std::as_bytes(std::span(&value, 1)));
  }
  Element operator[](std::int64_t index) { return {*this, checked_index(index, length())}; }
  T operator[](std::int64_t index) const { return get(index); }

  std::vector<T> slice(const Slice& slice = {}) const {
    const Indices at = indices_of(slice, length());
    const std::vector<T> all = covered(at);
    std::vector<T> some;
    some.reserve(static_cast<std::size_t>(at.count));
    for (std::int64_t i = 0; i < at.count; ++i) some.push_back(all[in_covered(at, i)]);
    return some;
  }
  // Throws ValueError unless there are as many elements as the slice has.
  void set_slice(const Slice& slice, std::span<const T> elements) {
    const Indices at = indices_of(slice, length());
    if (static_cast<std::size_t>(at.count) != elements.size()) {
      throw ValueError("a slice of " + std::to_string(at.count) + " elements cannot be set to " +
                       std::to_string(elements.size()));
    }
    if (at.count == 0) return;
    if (at.step == 1) return guard_->write(sizeof(T) * lowest(at), std::as_bytes(elements));
    if (!guard_->excludes()) {  // what is between them may be others' business
      std::int64_t index = at.first;
      for (const T& element : elements) set(std::exchange(index, index + at.step), element);
      return;
    }
    std::vector<T> all(covered_size(at));
    guard_->update(sizeof(T) * lowest(at), std::as_writable_bytes(std::span(all)),
                   [&](std::span<std::byte>) {
                     for (std::int64_t i = 0; i < at.count; ++i) {
                       all[in_covered(at, i)] = elements[static_cast<std::size_t>(i)];
                     }
                   });
  }
  void set_slice(const Slice& slice, std::initializer_list<T> elements) {
    set_slice(slice, std::span(elements.begin(), elements.size()));
  }

  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, length()}; }

  // Of chars only. The text up to the first NUL; set_value throws ValueError for one that is longer
  // than the array, and ends a shorter one with a NUL, leaving what is behind it.
  std::string value() const requires std::same_as<T, char> {
    std::string text = raw();
    return text.substr(0, text.find('\0'));
  }
  void set_value(std::string_view text) requires std::same_as<T, char> {
    require_room(text);
    std::string content(text);
    if (text.size() < size_) content += '\0';
    guard_->write(0, std::as_bytes(std::span(content)));
  }
  // All of it; set_raw writes a beginning of it, and throws ValueError for what is longer.
  std::string raw() const requires std::same_as<T, char> {
    std::string content(size_, '\0');
    guard_->read(0, std::as_writable_bytes(std::span(content)));
    return content;
  }
  void set_raw(std::string_view bytes) requires std::same_as<T, char> {
    require_room(bytes);
    guard_->write(0, std::as_bytes(std::span(bytes)));
  }

 protected:
  Elements(std::size_t size, std::shared_ptr<Guard> guard)
      : size_(size), guard_(std::move(guard)) {}
  Elements(const Elements&) = default;
  Elements& operator=(const Elements&) = default;
  ~Elements() = default;

  void fill(Contents<T> elements) {
    if (!elements.empty()) guard_->write(0, std::as_bytes(std::span(elements)));
  }

  std::size_t size_;
  std::shared_ptr<Guard> guard_;

 private:
  std::int64_t length() const { return static_cast<std::int64_t>(size_); }
  std::size_t place(std::int64_t index) const {
    return sizeof(T) * static_cast<std::size_t>(checked_index(index, length()));
  }
  void require_room(std::string_view text) const {
    if (text.size() <= size_) return;
    throw ValueError("a text of " + std::to_string(text.size()) +
                     " bytes does not fit an array of " + std::to_string(size_));
  }
  // The elements from the lowest to the highest of a slice, at once.
  static std::size_t lowest(const Indices& at) {
    return static_cast<std::size_t>(at.step > 0 ? at.first : at.first + (at.count - 1) * at.step);
  }
  static std::size_t covered_size(const Indices& at) {
    return static_cast<std::size_t>((at.count - 1) * std::abs(at.step) + 1);
  }
  static std::size_t in_covered(const Indices& at, std::int64_t i) {
    return static_cast<std::size_t>(at.step > 0 ? i * at.step : (at.count - 1 - i) * -at.step);
  }
  std::vector<T> covered(const Indices& at) const {
    if (at.count == 0) return {};
    std::vector<T> all(covered_size(at));
    guard_->read(sizeof(T) * lowest(at), std::as_writable_bytes(std::span(all)));
    return all;
  }
};

}  // namespace detail

template <SharedType T>
class RawArray : public detail::Elements<T> {
  using Base = detail::Elements<T>;

 public:
  static constexpr std::string_view kInheritedAs = "RawArray";

  // So many zeros. Throws ValueError below 0, and for more than can be addressed.
  explicit RawArray(std::int64_t size, const std::string& memory = "anonymous")
      : Base(detail::checked_size(size, sizeof(T)),
             std::make_shared<Guard>(sizeof(T) * detail::checked_size(size, sizeof(T)),
                                     SharedOptions{.memory = memory, .lock = "none"})) {}
  explicit RawArray(detail::Contents<T> elements, const std::string& memory = "anonymous")
      : RawArray(static_cast<std::int64_t>(elements.size()), memory) {
    this->fill(elements);
  }
  RawArray(std::initializer_list<T> elements, const std::string& memory = "anonymous")
      : RawArray(detail::Contents<T>(elements.begin(), elements.size()), memory) {}

  // In the memory itself. Good as long as this array, or a copy, exists.
  T* data() const { return reinterpret_cast<T*>(this->guard_->in_place()); }

 private:
  template <SharedType>
  friend class Array;
  RawArray(std::size_t size, std::shared_ptr<Guard> guard) : Base(size, std::move(guard)) {}
};

template <SharedType T>
class Array : public detail::Elements<T>, public detail::Holdable<Array<T>> {
  friend detail::Holdable<Array>;
  using Base = detail::Elements<T>;

 public:
  static constexpr std::string_view kInheritedAs = "Array";

  // As RawArray's; also throws ValueError for an unknown name, and std::system_error.
  explicit Array(std::int64_t size, const SharedOptions& options = {})
      : Base(detail::checked_size(size, sizeof(T)),
             std::make_shared<Guard>(sizeof(T) * detail::checked_size(size, sizeof(T)), options)) {}
  explicit Array(detail::Contents<T> elements, const SharedOptions& options = {})
      : Array(static_cast<std::int64_t>(elements.size()), options) {
    this->fill(elements);
  }
  Array(std::initializer_list<T> elements, const SharedOptions& options = {})
      : Array(detail::Contents<T>(elements.begin(), elements.size()), options) {}
  // Python's synchronized(), as of Value.
  explicit Array(const RawArray<T>& raw, const SharedOptions& options = {})
      : Base(raw.size(), std::make_shared<Guard>(raw.guard_, options)) {}

  RawArray<T> get_obj() const { return RawArray<T>(this->size_, detail::unguarded(this->guard_)); }
};

// A new raw array with the content of another.
template <SharedType T>
RawArray<T> copy(const RawArray<T>& other) {
  const std::vector<T> elements = other.slice();
  return RawArray<T>(detail::Contents<T>(elements.data(), elements.size()));
}

}  // namespace ipc
