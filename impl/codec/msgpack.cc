// SPDX-License-Identifier: MIT
// The one encoder and the one visitor behind encode() and decode(). msgpack-cxx knows the wire
// format; here are the limits, the checks and the mapping to Object.
#include "impl/codec/msgpack.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <limits>
#include <optional>
#include <utility>

#include "impl/codec/utf8.h"

namespace ipc {
namespace {

constexpr std::int8_t kTupleExt = 1;
using detail::kHandleExt;
// One less than 32 bits hold: msgpack-cxx's parser adds an ext's type to its length.
constexpr std::size_t kMaxLength = std::numeric_limits<std::uint32_t>::max() - 1;
constexpr std::size_t kMaxReserve = 1024;  // items; beyond, a container grows as its items come

std::uint32_t checked_length(std::size_t length, const char* what) {
  if (length > kMaxLength) {
    throw ValueError(std::string(what) + " of " + std::to_string(length) +
                     " is too long for msgpack, which carries at most " +
                     std::to_string(kMaxLength));
  }
  return static_cast<std::uint32_t>(length);
}

template <std::unsigned_integral T>
void store_big_endian(T value, char* to) {
  for (std::size_t i = sizeof value; i-- > 0; value >>= 8) to[i] = static_cast<char>(value & 0xFF);
}

struct Encoder {
  detail::Packer& packer;
  std::size_t depth = 0;

  void operator()(std::monostate) { packer.pack_nil(); }
  void operator()(bool value) { value ? packer.pack_true() : packer.pack_false(); }
  void operator()(std::int64_t value) { packer.pack_int64(value); }
  void operator()(std::uint64_t value) { packer.pack_uint64(value); }

  // packer.pack_double would make an int of every whole number, and 0 of -0.0.
  void operator()(double value) {
    char bytes[9] = {'\xcb'};
    store_big_endian(std::bit_cast<std::uint64_t>(value), &bytes[1]);
    packer.sink().write(bytes, sizeof bytes);
  }

  void operator()(const std::string& text) {
    const std::uint32_t length = checked_length(text.size(), "str");
    packer.pack_str(length);
    packer.pack_str_body(text.data(), length);
  }

  void operator()(const Object::Bytes& bytes) {
    const std::uint32_t length = checked_length(bytes.size(), "bytes");
    packer.pack_bin(length);
    packer.pack_bin_body(reinterpret_cast<const char*>(bytes.data()), length);
  }

  void operator()(const Object::List& items) {
    enter();
    packer.pack_array(checked_length(items.size(), "list"));
    for (const Object& item : items) item.visit(*this);
    --depth;
  }

  // Always with the longest header, ext 32: its length is filled in afterwards, so that nested
  // tuples need neither a second pass nor a copy.
  void operator()(const Object::Tuple& tuple) {
    std::vector<std::byte>& out = packer.sink().out();
    packer.pack_ext(kMaxLength, kTupleExt);
    const std::size_t payload = out.size();
    (*this)(tuple.items);
    const std::uint32_t length = checked_length(out.size() - payload, "tuple");
    store_big_endian(length, reinterpret_cast<char*>(&out[payload - 5]));
  }

  void operator()(const Object::Dict& dict) {
    enter();
    packer.pack_map(checked_length(dict.size(), "dict"));
    for (const auto& [key, value] : dict) {
      key.visit(*this);
      value.visit(*this);
    }
    --depth;
  }

  void operator()(const Handle& handle) {
    std::vector<std::byte> message = detail::handle_message(handle);
    const std::uint32_t length = checked_length(message.size(), "handle");
    packer.pack_ext(length, kHandleExt);
    packer.pack_ext_body(reinterpret_cast<const char*>(message.data()), length);
    packer.sink().remember(std::move(message));
  }

  void enter() {
    if (++depth > kMaxDepth) {
      throw ValueError("nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
  }
};

// Checks what msgpack-cxx parses; with kBuild it also makes the Object (and wants dict keys
// hashable and no ext but ours, and fetches what handles are of), without it only checks, for a
// typed conversion to follow.
template <bool kBuild>
class Visitor : public msgpack::null_visitor {
 public:
  // `max_items`: how many items all containers together may declare. Each takes a byte of the
  // message, so its size is a bound that no valid message meets. Errors are placed relative to
  // `origin`, the message.
  Visitor(const char* origin, std::size_t max_items) : origin_(origin), items_left_(max_items) {}

  // Parses exactly [begin, begin + size); false: see error().
  bool parse(const char* begin, std::size_t size) {
    std::size_t end = 0;
    const bool parsed = msgpack::parse(begin, size, end, *this);
    if (parsed && end == size) return true;
    if (parsed) fail("bytes left after the end: " + std::to_string(size - end));
    if (!error_at_) error_at_ = position(begin) + end;
    return false;
  }

  Object take() { return std::move(root_); }
  const std::string& reason() const { return reason_; }
  DecodeError error() const { return DecodeError(error_at_.value_or(0), reason_); }

  bool visit_nil() {
    return put([] { return Object(); });
  }
  bool visit_boolean(bool value) {
    return put([&] { return Object(value); });
  }
  bool visit_positive_integer(std::uint64_t value) {
    return put([&] { return Object(value); });
  }
  bool visit_negative_integer(std::int64_t value) {
    return put([&] { return Object(value); });
  }
  bool visit_float32(float value) { return visit_float64(static_cast<double>(value)); }
  bool visit_float64(double value) {
    return put([&] { return Object(value); });
  }

  bool visit_str(const char* data, std::uint32_t size) {
    const std::size_t valid = valid_utf8_prefix({data, size});
    if (valid != size) return fail("str is not UTF-8", data + valid);
    return put([&] { return Object::checked_text(std::string(data, size)); });
  }

  bool visit_bin(const char* data, std::uint32_t size) {
    return put([&] { return Object::bytes(std::string_view(data, size)); });
  }

  // data: the type, then the payload; size counts both.
  bool visit_ext(const char* data, std::uint32_t size) {
    if (size == 0) return fail("ext is too long");
    if (tuple_next_) return fail("tuple holds no array", data);
    if (*data == kHandleExt) return visit_handle(data, size);
    if (*data != kTupleExt) {
      return !kBuild || fail("ext type " + std::to_string(*data) + " is unknown", data);
    }
    tuple_next_ = true;
    return parse(data + 1, size - 1);
  }

  bool start_array(std::uint32_t size) {
    return open(std::exchange(tuple_next_, false) ? Kind::kTuple : Kind::kList, size, size);
  }
  bool end_array() { return close(); }
  bool start_map(std::uint32_t size) { return open(Kind::kDict, size, std::uint64_t{size} * 2); }
  bool end_map() { return close(); }

  void parse_error(std::size_t, std::size_t) { fail("byte 0xc1 starts no msgpack value"); }
  void insufficient_bytes(std::size_t, std::size_t) { fail("ends in the middle of a value"); }

 private:
  enum class Kind { kList, kTuple, kDict };
  struct Container {
    Kind kind;
    Object::List items;
    Object::Dict dict;
    std::optional<Object> key;  // of the value that comes next

    Object finish() && {
      if (kind == Kind::kDict) return Object::dict(std::move(dict));
      if (kind == Kind::kTuple) return Object::tuple(std::move(items));
      return Object::list(std::move(items));
    }
  };

  // 0 without a message to point into.
  std::size_t position(const char* at) const {
    return origin_ == nullptr ? 0 : static_cast<std::size_t>(at - origin_);
  }

  // The first failure counts; always false.
  bool fail(std::string reason, const char* at = nullptr) {
    if (reason_.empty()) {
      reason_ = std::move(reason);
      if (at != nullptr) error_at_ = position(at);
    }
    return false;
  }

  bool visit_handle(const char* data, std::uint32_t size) {
    const auto message = std::as_bytes(std::span(data + 1, size - 1));
    try {
      return put([&] { return Object(detail::handle_of(message)); });
    } catch (const std::exception& error) {
      return fail(std::string("handle: ") + error.what(), data);
    }
  }

  template <class Make>
  bool put(Make make) {
    if (tuple_next_) return fail("tuple holds no array");
    if constexpr (kBuild) return place(make());
    return true;
  }

  bool place(Object object) {
    if (open_.empty()) {
      root_ = std::move(object);
      return true;
    }
    Container& into = open_.back();
    if (into.kind != Kind::kDict) {
      into.items.push_back(std::move(object));
    } else if (into.key) {
      into.dict.set(*std::move(into.key), std::move(object));
      into.key.reset();
    } else if (object.is_hashable()) {
      into.key = std::move(object);
    } else {
      return fail("dict key is an unhashable " + std::string(object.type_name()));
    }
    return true;
  }

  bool open(Kind kind, std::uint32_t size, std::uint64_t items) {
    if (tuple_next_) return fail("tuple holds no array");
    if (depth_ == kMaxDepth) {
      return fail("nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    if (items > items_left_) {
      return fail("declares " + std::to_string(items) + " items, more than there are bytes");
    }
    items_left_ -= items;
    ++depth_;
    if constexpr (kBuild) {
      Container& container = open_.emplace_back(Container{kind, {}, {}, {}});
      const std::size_t reserve = std::min<std::size_t>(size, kMaxReserve);
      kind == Kind::kDict ? container.dict.reserve(reserve) : container.items.reserve(reserve);
    }
    return true;
  }

  bool close() {
    --depth_;
    if constexpr (kBuild) {
      Object done = std::move(open_.back()).finish();
      open_.pop_back();
      return place(std::move(done));
    }
    return true;
  }

  const char* const origin_;
  std::uint64_t items_left_;
  std::size_t depth_ = 0;
  bool tuple_next_ = false;  // a tuple's ext was entered: its array must come
  std::vector<Container> open_;
  Object root_;
  std::string reason_;
  std::optional<std::size_t> error_at_;
};

const char* as_chars(std::span<const std::byte> bytes) {
  return reinterpret_cast<const char*>(bytes.data());
}

}  // namespace

DecodeError::DecodeError(std::size_t offset, const std::string& reason)
    : Error("not a valid message, at byte " + std::to_string(offset) + ": " + reason),
      offset_(offset) {}

void encode(const Object& object, std::vector<std::byte>& out) {
  detail::Sink sink(out);
  detail::Packer packer(sink);
  detail::pack(object, packer);
  sink.commit();
}

void withdraw(std::span<const std::byte> message) noexcept {
  struct Handles : msgpack::null_visitor {
    bool visit_ext(const char* data, std::uint32_t size) {
      if (size == 0) return false;
      if (*data == kTupleExt) return parse(data + 1, size - 1);
      if (*data == kHandleExt) {
        detail::withdraw_handle(std::as_bytes(std::span(data + 1, size - 1)));
      }
      return true;
    }
    bool parse(const char* begin, std::size_t size) {
      std::size_t end = 0;
      return msgpack::parse(begin, size, end, *this);
    }
  };
  try {
    Handles().parse(as_chars(message), message.size());
  } catch (const std::exception&) {  // then it is no message of ours, or there is no memory
  }
}

template <>
Object decode<Object>(std::span<const std::byte> message) {
  Visitor<true> visitor(as_chars(message), message.size());
  if (!visitor.parse(as_chars(message), message.size())) throw visitor.error();
  return visitor.take();
}

namespace detail {

void pack(const Object& object, Packer& packer) { object.visit(Encoder{packer}); }

// The message was checked as a whole, so only what a typed value may hold and an Object may not is
// refused here.
Object unpack(const msgpack::object& message) {
  Visitor<true> visitor(nullptr, std::numeric_limits<std::uint64_t>::max());
  msgpack::object_parser(message).parse(visitor);
  if (!visitor.reason().empty()) throw DecodeError(0, visitor.reason());
  return visitor.take();
}

void check_and_commit(Sink& sink) {
  const std::span<const std::byte> message = sink.written();
  Visitor<false> visitor(as_chars(message), message.size());
  if (!visitor.parse(as_chars(message), message.size())) {
    throw ValueError("cannot be carried as msgpack: " + visitor.reason());
  }
  sink.commit();
}

msgpack::object_handle unpack_checked(std::span<const std::byte> message) {
  Visitor<false> visitor(as_chars(message), message.size());
  if (!visitor.parse(as_chars(message), message.size())) throw visitor.error();
  const auto refer = [](msgpack::type::object_type, std::size_t, void*) { return true; };
  return msgpack::unpack(as_chars(message), message.size(), refer);
}

void throw_wrong_type(const msgpack::object& message) {
  std::string name;
  if (message.type == msgpack::type::EXT && message.via.ext.type() == kHandleExt) {
    name = "handle";  // what it is of stays where it is
  } else if (message.type == msgpack::type::ARRAY) {
    name = "list";
  } else if (message.type == msgpack::type::MAP) {
    name = "dict";
  } else if (message.type == msgpack::type::EXT && message.via.ext.type() == kTupleExt) {
    name = "tuple";
  } else {
    name = unpack(message).type_name();  // a scalar
  }
  throw DecodeError(0, "holds type '" + name + "', which does not convert to the type asked for");
}

}  // namespace detail
}  // namespace ipc
