// SPDX-License-Identifier: MIT
#include "impl/manager/protocol.h"

#include <cstring>
#include <limits>
#include <type_traits>

#include "impl/codec/encoding.h"
#include "impl/codec/utf8.h"
#include "impl/manager/backend.h"
#include "impl/manager/errors.h"

namespace ipc::detail {
namespace {

constexpr std::size_t kLongestText = 65536;  // of an error

constexpr std::byte kValue{0};
constexpr std::byte kError{1};
constexpr std::int64_t kForEver = -1;  // of nanoseconds to wait
constexpr std::size_t kLongestOperation = std::numeric_limits<std::uint8_t>::max();

// Little-endian, as all machines are that this is compiled for.
template <class T>
void append(T value, Bytes& out) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

// Takes its parts from the front of a message.
class Parts {
 public:
  explicit Parts(std::span<const std::byte> message) : left_(message) {}

  template <class T>
  bool take(T& value) {
    if (left_.size() < sizeof value) return false;
    std::memcpy(&value, left_.data(), sizeof value);
    left_ = left_.subspan(sizeof value);
    return true;
  }
  bool take(std::size_t size, std::string_view& text) {
    if (left_.size() < size) return false;
    text = {reinterpret_cast<const char*>(left_.data()), size};
    left_ = left_.subspan(size);
    return true;
  }
  std::span<const std::byte> rest() const { return left_; }

 private:
  std::span<const std::byte> left_;
};

std::int64_t wait_of(Deadline deadline) {
  if (deadline.is_never()) return kForEver;
  const timespec left = deadline.remaining();
  return left.tv_sec * 1'000'000'000 + left.tv_nsec;
}

}  // namespace

void append_hello(const Hello& hello, Bytes& out) {
  append(hello.kind, out);
  append(hello.session, out);
}

std::optional<Hello> parse_hello(std::span<const std::byte> message) {
  Parts parts(message);
  Hello hello;
  if (!parts.take(hello.kind) || !parts.take(hello.session) || !parts.rest().empty()) return {};
  if (hello.kind > Hello::Kind::heir) return {};
  return hello;
}

void append_session(std::uint64_t session, Bytes& out) { append(session, out); }

std::optional<std::uint64_t> parse_session(std::span<const std::byte> message) {
  Parts parts(message);
  std::uint64_t session;
  if (!parts.take(session) || !parts.rest().empty()) return {};
  return session;
}

void append_request(const Request& head, const Object& arguments, Bytes& out) {
  if (head.operation.size() > kLongestOperation) {
    throw ValueError("the name of an operation has at most 255 bytes");
  }
  append(head.object, out);
  append(head.thread, out);
  append(wait_of(head.deadline), out);
  append(static_cast<std::uint8_t>(head.operation.size()), out);
  const auto name = std::as_bytes(std::span(head.operation));
  out.insert(out.end(), name.begin(), name.end());
  encode(arguments, out);
  if (out.size() > kLongestMessage) {
    withdraw_request(out);
    throw ValueError("a request of " + std::to_string(out.size()) +
                     " bytes is too long for a manager");
  }
}

void withdraw_request(std::span<const std::byte> message) {
  if (const std::optional<Request> request = parse_request(message)) withdraw(request->arguments);
}

std::optional<Request> parse_request(std::span<const std::byte> message) {
  Parts parts(message);
  Request request;
  std::int64_t wait;
  std::uint8_t length;
  if (!parts.take(request.object) || !parts.take(request.thread) || !parts.take(wait) ||
      !parts.take(length) || !parts.take(length, request.operation)) {
    return {};
  }
  if (wait < kForEver) return {};
  // What takes longer than the clock counts is for ever.
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() - monotonic_ns();
  if (wait != kForEver && wait < most) {
    request.deadline = Deadline::after(std::chrono::nanoseconds(wait));
  }
  request.arguments = parts.rest();
  return request;
}

void append_value(const Object& value, Bytes& out) {
  const std::size_t begin = out.size();
  out.push_back(kValue);
  try {
    encode(value, out);
  } catch (...) {
    out.resize(begin);
    throw;
  }
}

void append_error(const std::exception& error, Bytes& out) {
  const NamedError what = named(error);
  out.push_back(kError);
  encode(Object::list({what.name, as_utf8(std::string_view(what.text).substr(0, kLongestText))}),
         out);
}

Object value_of(std::span<const std::byte> reply) {
  if (reply.empty()) throw DecodeError(0, "an empty reply");
  Object value = decode(reply.subspan(1));
  if (reply[0] == kValue) return value;
  if (reply[0] != kError || !value.is_list() || value.size() != 2) {
    throw DecodeError(0, "neither a value nor an error");
  }
  throw_named({value[0].as_text(), value[1].as_text()});
}

}  // namespace ipc::detail
