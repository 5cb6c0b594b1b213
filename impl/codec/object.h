// SPDX-License-Identifier: MIT
// Object: a value as Python knows one (None, bool, int, float, str, bytes, list, tuple, dict, and
// handles of things such as a Connection), nested to any depth. It is the default item of every
// queue and pipe of the typed API.
//
//   Object x = Object::list({42, Object(), "hello"});
//   std::cout << x;                                             // [42, None, 'hello']
//   Object d = Object::dict({{"x", 1}, {2, Object::tuple({1})}});
//   d["x"].as_integer();                                        // 1
//
// A plain value: copies are deep, but for handles, which are of the same thing; threads may read
// one object at the same time. Wrong use throws TypeError, ValueError, KeyError or IndexError with
// CPython's wording where CPython has one. What differs from Python: an int has 64 bits, from -2^63
// to 2^64-1; a str is valid UTF-8 and so has no lone surrogates; a NaN is never found as a dict
// key, since objects have no identity here.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "impl/codec/handle.h"
#include "impl/os/error.h"

namespace ipc {

class KeyError : public Error {
 public:
  using Error::Error;
};

// An integer that an Object can hold; characters are not numbers here.
template <class T>
concept IntegerValue = std::integral<T> && sizeof(T) <= sizeof(std::int64_t) &&
                       !std::same_as<T, bool> && !std::same_as<T, char> &&
                       !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                       !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

class Object {
 public:
  using Bytes = std::vector<std::byte>;
  using List = std::vector<Object>;
  struct Tuple {
    List items;
    bool operator==(const Tuple&) const = default;
  };

  // Python's dict: keys of mixed types in the order of their first insertion. Keys are equal as
  // Python's are: 1, 1.0 and True are one key; a second value for it replaces the first value and
  // keeps the first key. A list or dict, or a tuple that holds one, throws TypeError as key. find
  // and set are O(1), erase is O(n).
  class Dict {
   public:
    using Entry = std::pair<Object, Object>;

    Dict() = default;
    Dict(std::initializer_list<Entry> entries);

    // nullptr when there is no such key. A pointer is good until the next set or erase.
    const Object* find(const Object& key) const;
    Object* find(const Object& key);
    void set(Object key, Object value);
    // False when there was no such key.
    bool erase(const Object& key);

    bool contains(const Object& key) const { return find(key) != nullptr; }
    std::size_t size() const { return entries_.size(); }
    bool empty() const { return entries_.empty(); }
    void reserve(std::size_t entries) { entries_.reserve(entries); }
    // Iteration: for (const auto& [key, value] : dict).
    const Entry* begin() const { return entries_.data(); }
    const Entry* end() const { return entries_.data() + entries_.size(); }

    // As in Python, the order of insertion does not matter.
    friend bool operator==(const Dict& a, const Dict& b) { return a.equals(b); }

   private:
    bool equals(const Dict& other) const;
    void link(std::size_t position);
    void rebuild_index();

    std::vector<Entry> entries_;
    // Open addressing: an entry's position + 1, or 0; empty while there are few entries.
    std::vector<std::uint32_t> index_;
  };

  // Conversions are implicit on purpose, so that {42, "hello"} can be written as a list.
  Object() = default;  // None
  // In object.cc, for the compiler would make them anew in every unit.
  Object(const Object&);
  Object(Object&&) noexcept;
  Object& operator=(const Object&);
  Object& operator=(Object&&) noexcept;
  ~Object();
  template <std::same_as<bool> T>
  Object(T value) : value_(value) {}
  template <IntegerValue T>
  Object(T value) {
    if (std::in_range<std::int64_t>(value)) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }
  template <std::floating_point T>
  Object(T value) : value_(static_cast<double>(value)) {}
  // A str. Throws ValueError when `text` is not UTF-8.
  Object(std::string text);
  Object(std::string_view text) : Object(std::string(text)) {}
  Object(const char* text) : Object(std::string(text)) {}
  Object(std::nullptr_t) = delete;
  Object(Handle handle);
  template <Handled T>
  Object(const T& object) : Object(object.handle()) {}

  static Object bytes(Bytes bytes = {});
  static Object bytes(std::span<const std::byte> bytes);
  static Object bytes(std::string_view bytes);
  static Object list(List items = {});
  // Of these, moved where they can be: an initializer list would copy them.
  template <class... A>
  static List pack(A&&... items) {
    List all;
    all.reserve(sizeof...(items));
    (all.emplace_back(std::forward<A>(items)), ...);
    return all;
  }
  static Object tuple(List items = {});
  static Object dict(Dict entries = {});
  // REQUIRES: text is UTF-8; it is not checked again.
  static Object checked_text(std::string text);

  bool is_none() const { return holds<std::monostate>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_integer() const { return holds<std::int64_t>() || holds<std::uint64_t>(); }
  bool is_real() const { return holds<double>(); }
  bool is_text() const { return holds<std::string>(); }
  bool is_bytes() const { return holds<Bytes>(); }
  bool is_list() const { return holds<List>(); }
  bool is_tuple() const { return holds<Tuple>(); }
  bool is_dict() const { return holds<Dict>(); }
  bool is_handle() const { return holds<Handle>(); }
  bool is_hashable() const;  // may be a dict key

  // Each throws TypeError when the object is of another kind: nothing is converted, also not bool
  // to int or int to float. The two integer forms throw ValueError when the number does not fit.
  bool as_bool() const;
  std::int64_t as_integer() const;
  std::uint64_t as_unsigned() const;
  double as_real() const;
  const std::string& as_text() const;
  const Bytes& as_bytes() const;
  const List& as_list() const;
  List& as_list();
  const List& as_tuple() const;
  const Dict& as_dict() const;
  Dict& as_dict();
  const Handle& as_handle() const;

  // Python's: "NoneType", "bool", "int", "float", "str", "bytes", "list", "tuple" or "dict"; the
  // type of a handle.
  std::string_view type_name() const;

  // Python's len(): items, entries, bytes, or the characters of a str; else TypeError.
  std::size_t size() const;
  // An item of a list or tuple (negative: from the end) or the value of a dict's key. Never
  // inserts: throws IndexError, KeyError.
  const Object& operator[](const Object& key) const;
  // Python's x[key] = value: inserts into a dict, replaces an item of a list (IndexError).
  void set(const Object& key, Object value);
  // The items of a list or tuple; TypeError otherwise.
  const Object* begin() const { return items().data(); }
  const Object* end() const { return items().data() + items().size(); }

  // As in Python: 1 == 1.0 == True, exactly; a list equals no tuple, NaN equals nothing.
  friend bool operator==(const Object& a, const Object& b) { return a.equals(b); }
  // Writes str(object), as Python's print() does.
  friend std::ostream& operator<<(std::ostream& out, const Object& object);

  // Calls visitor with std::monostate (None), bool, std::int64_t, std::uint64_t (only above the
  // range of std::int64_t), double, std::string, Bytes, List, Tuple, Dict or Handle.
  template <class Visitor>
  decltype(auto) visit(Visitor&& visitor) const {
    return std::visit(std::forward<Visitor>(visitor), value_);
  }

 private:
  template <class T>
  bool holds() const {
    return std::holds_alternative<T>(value_);
  }
  template <class T>
  const T& get(std::string_view wanted) const;
  const List& items() const;
  bool equals(const Object& other) const;

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Bytes, List,
               Tuple, Dict, Handle>
      value_;
};

// What CPython 3.11 prints for repr(object) and str(object). One deviation: characters that Unicode
// has not assigned are escaped by CPython and, below U+3134B, printed as they are here.
std::string repr(const Object& object);
std::string str(const Object& object);

}  // namespace ipc
