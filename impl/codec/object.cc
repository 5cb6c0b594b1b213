// SPDX-License-Identifier: MIT
// Object's kinds, access, equality and hashing, and the hash index of Dict.
#include "impl/codec/object.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <iterator>
#include <optional>
#include <type_traits>

#include "impl/codec/utf8.h"

namespace ipc {
namespace {

constexpr std::size_t kUnindexed = 8;  // up to so many entries a linear search beats hashing

// A bool, int or float in the one form that all equal numbers share.
struct Number {
  enum class Kind { kSigned, kUnsigned, kReal, kNan } kind;
  std::uint64_t bits;
};

struct ToNumber {
  using Kind = Number::Kind;
  std::optional<Number> operator()(bool value) const { return Number{Kind::kSigned, value}; }
  std::optional<Number> operator()(std::int64_t value) const {
    return Number{Kind::kSigned, static_cast<std::uint64_t>(value)};
  }
  std::optional<Number> operator()(std::uint64_t value) const {
    return Number{Kind::kUnsigned, value};
  }
  std::optional<Number> operator()(double value) const {
    if (std::isnan(value)) return Number{Kind::kNan, 0};
    if (value == std::floor(value)) {
      if (value >= -0x1p63 && value < 0x1p63) return (*this)(static_cast<std::int64_t>(value));
      if (value >= 0x1p63 && value < 0x1p64) return (*this)(static_cast<std::uint64_t>(value));
    }
    return Number{Kind::kReal, std::bit_cast<std::uint64_t>(value)};
  }
  template <class T>
  std::optional<Number> operator()(const T&) const {
    return std::nullopt;
  }
};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15;
  return hash ^ hash >> 32;
}

// REQUIRES: key.is_hashable(). Equal keys have equal hashes.
std::uint64_t hash(const Object& key) {
  if (const std::optional<Number> number = key.visit(ToNumber{})) {
    return mix(static_cast<std::uint64_t>(number->kind), number->bits);
  }
  if (key.is_text()) return mix(11, std::hash<std::string_view>{}(key.as_text()));
  if (key.is_bytes()) {
    const Object::Bytes& bytes = key.as_bytes();
    const char* data = reinterpret_cast<const char*>(bytes.data());
    return mix(12, std::hash<std::string_view>{}({data, bytes.size()}));
  }
  if (!key.is_tuple()) return 13;  // None, and handles, which are few
  std::uint64_t result = 14;
  for (const Object& item : key) result = mix(result, hash(item));
  return result;
}

void require_hashable(const Object& key) {
  if (key.is_hashable()) return;
  const Object* culprit = &key;
  while (culprit->is_tuple()) {
    culprit = std::find_if_not(culprit->begin(), culprit->end(),
                               [](const Object& item) { return item.is_hashable(); });
  }
  throw TypeError("unhashable type: '" + std::string(culprit->type_name()) + "'");
}

// The place of Python's index in a sequence of `size` items.
std::size_t resolve_index(const Object& index, std::size_t size, std::string_view sequence) {
  const std::string name(sequence);
  if (!index.is_integer()) {
    throw TypeError(name + " indices must be integers, not " + std::string(index.type_name()));
  }
  const auto count = static_cast<std::int64_t>(size);
  const auto* place = index.visit([](const auto& value) -> const std::int64_t* {
    if constexpr (std::is_same_v<decltype(value), const std::int64_t&>) return &value;
    return nullptr;
  });
  if (place == nullptr || *place >= count || *place < -count) {
    throw IndexError(name + " index out of range: " + repr(index) + " of " + std::to_string(size));
  }
  return static_cast<std::size_t>(*place < 0 ? *place + count : *place);
}

}  // namespace

Object::Dict::Dict(std::initializer_list<Entry> entries) {
  reserve(entries.size());
  for (const auto& [key, value] : entries) set(key, value);
}

const Object* Object::Dict::find(const Object& key) const {
  require_hashable(key);
  if (index_.empty()) {
    for (const Entry& entry : entries_) {
      if (entry.first == key) return &entry.second;
    }
    return nullptr;
  }
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = hash(key) & mask; index_[slot] != 0; slot = (slot + 1) & mask) {
    const Entry& entry = entries_[index_[slot] - 1];
    if (entry.first == key) return &entry.second;
  }
  return nullptr;
}

Object* Object::Dict::find(const Object& key) {
  return const_cast<Object*>(std::as_const(*this).find(key));
}

void Object::Dict::set(Object key, Object value) {
  if (Object* present = find(key)) {
    *present = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() <= kUnindexed) return;
  if (entries_.size() * 2 > index_.size()) {
    rebuild_index();
  } else {
    link(entries_.size() - 1);
  }
}

bool Object::Dict::erase(const Object& key) {
  const Object* present = find(key);
  if (present == nullptr) return false;
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return &entry.second == present; });
  entries_.erase(found);
  rebuild_index();
  return true;
}

bool Object::Dict::equals(const Dict& other) const {
  return size() == other.size() &&
         std::all_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
           const Object* value = other.find(entry.first);
           return value != nullptr && *value == entry.second;
         });
}

// Enters the key at `position` into the index, which has a free slot.
void Object::Dict::link(std::size_t position) {
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = hash(entries_[position].first) & mask;
  while (index_[slot] != 0) slot = (slot + 1) & mask;
  index_[slot] = static_cast<std::uint32_t>(position + 1);
}

void Object::Dict::rebuild_index() {
  index_.clear();
  if (entries_.size() <= kUnindexed) return;
  index_.resize(std::bit_ceil(entries_.size() * 4));
  for (std::size_t position = 0; position < entries_.size(); ++position) link(position);
}

Object::Object(const Object&) = default;
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(const Object&) = default;
Object& Object::operator=(Object&&) noexcept = default;
Object::~Object() = default;

Object::Object(std::string text) {
  const std::size_t valid = valid_utf8_prefix(text);
  if (valid != text.size()) {
    throw ValueError("text is not UTF-8 at byte " + std::to_string(valid) + " of " +
                     std::to_string(text.size()) + "; Object::bytes holds any bytes");
  }
  value_ = std::move(text);
}

Object::Object(Handle handle) : value_(std::move(handle)) {}

Object Object::checked_text(std::string text) {
  Object object;
  object.value_ = std::move(text);
  return object;
}

Object Object::bytes(Bytes bytes) {
  Object object;
  object.value_ = std::move(bytes);
  return object;
}

Object Object::bytes(std::span<const std::byte> bytes) {
  return Object::bytes(Bytes(bytes.begin(), bytes.end()));
}

Object Object::bytes(std::string_view bytes) {
  return Object::bytes(std::as_bytes(std::span(bytes)));
}

Object Object::list(List items) {
  Object object;
  object.value_ = std::move(items);
  return object;
}

Object Object::tuple(List items) {
  Object object;
  object.value_ = Tuple{std::move(items)};
  return object;
}

Object Object::dict(Dict entries) {
  Object object;
  object.value_ = std::move(entries);
  return object;
}

bool Object::is_hashable() const {
  if (is_list() || is_dict()) return false;
  return !is_tuple() || std::all_of(begin(), end(), std::mem_fn(&Object::is_hashable));
}

template <class T>
const T& Object::get(std::string_view wanted) const {
  if (const T* value = std::get_if<T>(&value_)) return *value;
  throw TypeError("expected " + std::string(wanted) + ", got " + std::string(type_name()));
}

bool Object::as_bool() const { return get<bool>("bool"); }

std::int64_t Object::as_integer() const {
  if (holds<std::uint64_t>()) {
    throw ValueError("int " + repr(*this) + " does not fit in 64 signed bits");
  }
  return get<std::int64_t>("int");
}

std::uint64_t Object::as_unsigned() const {
  if (holds<std::uint64_t>()) return get<std::uint64_t>("int");
  const std::int64_t value = as_integer();
  if (value < 0) throw ValueError("int " + repr(*this) + " is negative, expected 0 or more");
  return static_cast<std::uint64_t>(value);
}

double Object::as_real() const { return get<double>("float"); }
const std::string& Object::as_text() const { return get<std::string>("str"); }
const Object::Bytes& Object::as_bytes() const { return get<Bytes>("bytes"); }
const Object::List& Object::as_list() const { return get<List>("list"); }
Object::List& Object::as_list() { return const_cast<List&>(get<List>("list")); }
const Object::List& Object::as_tuple() const { return get<Tuple>("tuple").items; }
const Object::Dict& Object::as_dict() const { return get<Dict>("dict"); }
Object::Dict& Object::as_dict() { return const_cast<Dict&>(get<Dict>("dict")); }
const Handle& Object::as_handle() const { return get<Handle>("a handle"); }

std::string_view Object::type_name() const {
  if (is_handle()) return as_handle().type().empty() ? "handle" : as_handle().type();
  constexpr std::string_view names[] = {"NoneType", "bool",  "int",  "int",   "float",
                                        "str",      "bytes", "list", "tuple", "dict"};
  static_assert(std::size(names) + 1 == std::variant_size_v<decltype(value_)>);
  return names[value_.index()];
}

const Object::List& Object::items() const {
  return is_tuple() ? as_tuple() : get<List>("list or tuple");
}

std::size_t Object::size() const {
  if (is_dict()) return as_dict().size();
  if (is_bytes()) return as_bytes().size();
  if (is_list() || is_tuple()) return items().size();
  if (!is_text()) {
    throw TypeError("object of type '" + std::string(type_name()) + "' has no len()");
  }
  const auto starts_character = [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  };
  return static_cast<std::size_t>(
      std::count_if(as_text().begin(), as_text().end(), starts_character));
}

const Object& Object::operator[](const Object& key) const {
  if (is_list() || is_tuple()) return items()[resolve_index(key, items().size(), type_name())];
  if (!is_dict()) {
    throw TypeError("'" + std::string(type_name()) + "' object has no items to look up");
  }
  const Object* value = as_dict().find(key);
  if (value == nullptr) throw KeyError(repr(key));
  return *value;
}

void Object::set(const Object& key, Object value) {
  if (is_list()) {
    as_list()[resolve_index(key, size(), "list")] = std::move(value);
  } else if (is_dict()) {
    as_dict().set(key, std::move(value));
  } else {
    throw TypeError("'" + std::string(type_name()) + "' object does not support item assignment");
  }
}

bool Object::equals(const Object& other) const {
  if (is_bytes() && other.is_bytes()) {  // the comparison of vectors goes byte by byte
    const Bytes& mine = as_bytes();
    const Bytes& theirs = other.as_bytes();
    return mine.size() == theirs.size() &&
           (mine.empty() || std::memcmp(mine.data(), theirs.data(), mine.size()) == 0);
  }
  const std::optional<Number> a = visit(ToNumber{});
  const std::optional<Number> b = other.visit(ToNumber{});
  if (!a && !b) return value_ == other.value_;
  return a && b && a->kind == b->kind && a->bits == b->bits && a->kind != Number::Kind::kNan;
}

}  // namespace ipc
