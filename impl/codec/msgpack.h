// SPDX-License-Identifier: MIT
// Values as msgpack messages: Object, and every C++ type that msgpack-cxx carries (numbers,
// std::string, containers, tuples, structs with MSGPACK_DEFINE), also with Objects inside.
//
//   None nil    bool bool    int int, uint    float float 64    str str    bytes bin    list array
//   dict map    tuple ext type 1, whose payload is one array    handle ext type 2 (handle.h)
//
// Any thread may call these. What encode accepts, decode accepts: both refuse a str that is not
// UTF-8 and more than kMaxDepth levels of nesting. decode trusts nothing: it throws DecodeError for
// whatever is not exactly one message, and what it allocates is bounded by the bytes it was given,
// not by the lengths that they declare.
#pragma once

#include <cstddef>
#include <msgpack.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "impl/codec/encoding.h"
#include "impl/codec/handle.h"
#include "impl/codec/object.h"
#include "impl/os/error.h"

namespace ipc {

// Appends the message to `out`, as that of an Object.
template <class T>
void encode(const T& value, std::vector<std::byte>& out);

namespace detail {

// The end of `out` as the stream that msgpack::packer writes to; takes everything back unless
// committed.
class Sink {
 public:
  explicit Sink(std::vector<std::byte>& out) : out_(out), start_(out.size()) {}
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  ~Sink() {
    if (committed_) return;
    for (const std::vector<std::byte>& handle : handles_) withdraw_handle(handle);
    out_.resize(start_);
  }
  void write(const char* data, std::size_t size) {
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    out_.insert(out_.end(), bytes, bytes + size);
  }
  std::vector<std::byte>& out() { return out_; }
  std::span<const std::byte> written() const { return std::span(out_).subspan(start_); }
  // What handle_message has made for it.
  void remember(std::vector<std::byte> handle) { handles_.push_back(std::move(handle)); }
  void commit() { committed_ = true; }

 private:
  std::vector<std::byte>& out_;
  const std::size_t start_;
  std::vector<std::vector<std::byte>> handles_;
  bool committed_ = false;
};

// The one packer that writes to a Sink, so the adaptor of Object may cast back to it.
class Packer : public msgpack::packer<Sink> {
 public:
  explicit Packer(Sink& sink) : msgpack::packer<Sink>(sink), sink_(sink) {}
  Sink& sink() { return sink_; }

 private:
  Sink& sink_;
};

inline constexpr std::int8_t kHandleExt = 2;

void pack(const Object& object, Packer& packer);
Object unpack(const msgpack::object& message);

// Throws ValueError when decode would refuse what was written, and commits otherwise.
void check_and_commit(Sink& sink);
// Checks the whole message, then unpacks it; the handle refers to the message's bytes.
msgpack::object_handle unpack_checked(std::span<const std::byte> message);
[[noreturn]] void throw_wrong_type(const msgpack::object& message);

}  // namespace detail
}  // namespace ipc

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(MSGPACK_DEFAULT_API_NS) {
  namespace adaptor {

  template <>
  struct pack<ipc::Object> {
    packer<ipc::detail::Sink>& operator()(packer<ipc::detail::Sink>& packer,
                                          const ipc::Object& object) const {
      ipc::detail::pack(object, static_cast<ipc::detail::Packer&>(packer));
      return packer;
    }
  };

  template <>
  struct pack<ipc::Handle> {
    packer<ipc::detail::Sink>& operator()(packer<ipc::detail::Sink>& packer,
                                          const ipc::Handle& handle) const {
      return pack<ipc::Object>()(packer, ipc::Object(handle));
    }
  };
  template <ipc::Handled T>
  struct pack<T> {
    packer<ipc::detail::Sink>& operator()(packer<ipc::detail::Sink>& packer,
                                          const T& object) const {
      return pack<ipc::Handle>()(packer, object.handle());
    }
  };

  template <>
  struct convert<ipc::Object> {
    const msgpack::object& operator()(const msgpack::object& message, ipc::Object& object) const {
      object = ipc::detail::unpack(message);
      return message;
    }
  };

  template <>
  struct convert<ipc::Handle> {
    const msgpack::object& operator()(const msgpack::object& message, ipc::Handle& handle) const {
      if (message.type != msgpack::type::EXT || message.via.ext.type() != ipc::detail::kHandleExt) {
        throw msgpack::type_error();
      }
      handle = ipc::detail::unpack(message).as_handle();
      return message;
    }
  };

  }  // namespace adaptor
}
}  // namespace msgpack

namespace ipc {

template <class T>
void encode(const T& value, std::vector<std::byte>& out) {
  detail::Sink sink(out);
  detail::Packer packer(sink);
  try {
    packer.pack(value);
  } catch (const msgpack::container_size_overflow& error) {
    throw ValueError(error.what());
  }
  detail::check_and_commit(sink);
}

// Hands the message of a value to `give`; when that throws, nobody will decode it. `message`: its
// memory, of whatever content.
template <class T, class Give>
void encode_for(const Give& give, const T& value, std::vector<std::byte>& message) {
  message.clear();
  encode(value, message);
  try {
    give(message);
  } catch (...) {
    withdraw(message);
    throw;
  }
}

template <class T>
T decode(std::span<const std::byte> message) {
  if constexpr (Handled<T>) {
    return T(decode<Handle>(message));
  } else {
    const msgpack::object_handle handle = detail::unpack_checked(message);
    T value{};
    try {
      handle.get().convert(value);
    } catch (const msgpack::type_error&) {
      detail::throw_wrong_type(handle.get());
    }
    return value;
  }
}

}  // namespace ipc
