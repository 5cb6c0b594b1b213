// SPDX-License-Identifier: MIT
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "impl/codec/encoding.h"
#include "impl/fuzz/request.h"
#include "impl/manager/containers.h"
#include "impl/manager/locks.h"
#include "impl/manager/protocol.h"
#include "impl/manager/rendezvous.h"
#include "impl/manager/server.h"
#include "impl/manager/together.h"
#include "impl/manager/values.h"
#include "impl/os/unique_fd.h"

namespace ipc::fuzz {
namespace {

using detail::Bytes;

// Each but pools, whose calls a server's processes would do; and what the one of it is made of.
struct Type {
  const char* name;
  Factory make;
  Object::List given = {};
};
const std::vector<Type>& types() {
  static const std::vector<Type> all{
      {"list", detail::make_list, {Object::list({1, "two", 3.5})}},
      {"dict", detail::make_dict, {Object::dict({{"a", 1}, {2, Object::list()}})}},
      {"Namespace", detail::make_namespace},
      {"Value", detail::make_value, {"i", 1}},
      {"Array", detail::make_array, {"i", Object::list({1, 2, 3})}},
      {"Lock", detail::make_lock},
      {"RLock", detail::make_rlock},
      {"Semaphore", detail::make_semaphore, {1}},
      {"BoundedSemaphore", detail::make_bounded_semaphore, {1}},
      {"Condition", detail::make_condition},
      {"Event", detail::make_event},
      {"Barrier",
       [](Arguments& given) { return detail::make_barrier(given, {}); },
       {2, Object(), Object()}},
      {"Queue", detail::make_queue, {3}}};
  return all;
}

std::vector<std::shared_ptr<Referent>> objects() {
  std::vector<std::shared_ptr<Referent>> all;
  for (const Type& type : types()) {
    Arguments arguments(type.given);
    all.push_back(type.make(arguments));
  }
  return all;
}

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// A list times this would only take memory, as its owner may wish.
bool takes_memory(std::string_view operation, const Object::List& arguments) {
  return operation.starts_with("multiply") && !arguments.empty() && arguments[0].is_integer() &&
         arguments[0].as_integer() > 100;
}

void require_the_same(const detail::Request& request, const Object& arguments) {
  Bytes again;
  detail::append_request(request, arguments, again);
  const auto parsed = detail::parse_request(again);
  require(parsed && parsed->object == request.object && parsed->thread == request.thread &&
              parsed->operation == request.operation,
          "a request is another one when it is said again");
}

void call(Referent& object, const detail::Request& request, Caller& caller) {
  Bytes reply;
  Arguments arguments{Object::List()};
  try {
    Object decoded = decode(request.arguments);
    if (!decoded.is_list()) return;
    require_the_same(request, decoded);
    if (takes_memory(request.operation, decoded.as_list())) return;
    arguments = Arguments(std::move(decoded.as_list()));
    caller.user = {1, request.thread % 2};
    Object result = object.call(request.operation, arguments, caller);
    detail::append_value(result, reply);
    if (request.thread % 3 == 0) {  // it did not arrive
      object.undelivered(request.operation, arguments, std::move(result));
    }
  } catch (const std::logic_error&) {
    throw;
  } catch (const std::exception& error) {
    reply.clear();
    detail::append_error(error, reply);
  }
  try {
    detail::value_of(reply);
  } catch (const std::logic_error&) {
    throw;
  } catch (const std::exception&) {  // the error that it is
  }
}

// Takes the next message off, which stands behind its length.
std::span<const std::byte> next_message(std::span<const std::byte>& bytes) {
  const auto size = std::to_integer<std::size_t>(bytes[0]) | std::to_integer<std::size_t>(bytes[1])
                                                                 << 8;
  const auto message = bytes.subspan(2, std::min(size, bytes.size() - 2));
  bytes = bytes.subspan(2 + message.size());
  return message;
}

// The connection of a client that makes an object of each type and then sends these messages, with
// its objects' identities in place of the small numbers that a message has for them.
class Fed final : public Link {
 public:
  explicit Fed(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Status receive(Buffer& message) override {
    Bytes out;
    if (received_ == 0) {
      detail::append_hello({}, out);
    } else if (received_ <= types().size()) {
      const Type& type = types()[received_ - 1];
      detail::append_request({detail::kServer, 0, Deadline::never(), "create", {}},
                             Object::list({type.name, Object::list(type.given)}), out);
    } else if (bytes_.size() < 2) {
      return Status::closed;
    } else {
      const auto next = next_message(bytes_);
      if (!append_call(next, out)) out.assign(next.begin(), next.end());
    }
    ++received_;
    message.resize(out.size());
    std::ranges::copy(out, message.bytes().begin());
    return Status::ok;
  }

  Status send(std::span<const std::byte> reply) override {
    if (++sent_ == 1) return Status::ok;  // the session
    try {
      const Object value = detail::value_of(reply);
      if (value.is_handle()) ids_.push_back(decode(value.as_handle().detail())[3].as_unsigned());
    } catch (const std::logic_error&) {
      throw;
    } catch (const std::exception&) {
    }
    require(ids_.size() + 1 >= std::min(sent_, types().size() + 1), "an object was not made");
    return Status::ok;
  }

  void limit(std::size_t, std::optional<std::chrono::seconds>) override {}
  int hang_up_fd() const override { return never_.get(); }
  const std::vector<std::uint64_t>& ids() const { return ids_; }

 private:
  std::uint64_t id_of(std::uint64_t number) const {
    return number == 0 || number > ids_.size() ? number : ids_[number - 1];
  }
  void replace_id(Object& number) const {
    if (number.is_integer() && number.as_integer() > 0) {
      number = id_of(number.as_unsigned());
    }
  }

  bool append_call(std::span<const std::byte> message, Bytes& out) const {
    const auto request = detail::parse_request(message);
    if (!request) return false;
    try {
      Object arguments = decode(request->arguments);
      if (!arguments.is_list()) return false;
      std::uint64_t object = id_of(request->object % (ids_.size() + 1));
      std::string_view operation = request->operation;
      if (object == detail::kServer) {
        for (Object& each : arguments.as_list()) replace_in(each);
      }
      if (is_greedy(operation, arguments)) object = 1;  // of nobody
      detail::append_request({object, request->thread % 2, Deadline::now(), operation, {}},
                             arguments, out);
      return true;
    } catch (const std::logic_error&) {
      throw;
    } catch (const std::exception&) {
      out.clear();
      return false;
    }
  }
  // What refer and release are given, or a call of several.
  void replace_in(Object& argument) const {
    replace_id(argument);
    if (argument.is_list() && !argument.as_list().empty()) replace_id(argument.as_list()[0]);
  }
  static bool is_greedy(std::string_view operation, const Object& arguments) {
    if (takes_memory(operation, arguments.as_list())) return true;
    return operation == detail::kTogether &&
           std::ranges::any_of(arguments.as_list(), [](const Object& call) {
             return call.is_list() && call.as_list().size() == 3 && call[1].is_text() &&
                    call[2].is_list() && takes_memory(call[1].as_text(), call[2].as_list());
           });
  }

  std::span<const std::byte> bytes_;
  std::size_t received_ = 0;
  std::size_t sent_ = 0;
  std::vector<std::uint64_t> ids_;
  const UniqueFd never_{eventfd(0, EFD_CLOEXEC)};
};

void feed_session(std::span<const std::byte> bytes) {
  std::map<std::string, Factory, std::less<>> factories;
  for (const Type& type : types()) factories.emplace(type.name, type.make);
  detail::Server server({"unix_socket", "/nowhere"}, "key", std::move(factories), -1);
  Fed fed(bytes);
  server.serve_known(fed);
  for (const std::uint64_t id : fed.ids()) {
    require(server.find(id) == nullptr, "an object has outlived its only client");
  }
}

}  // namespace

void feed_requests(std::span<const std::byte> bytes) {
  feed_session(bytes);
  const UniqueFd client(eventfd(0, EFD_CLOEXEC));
  Caller caller(client.get(), [](std::string_view, const std::shared_ptr<Referent>&) {
    return Object("a proxy");  // what iterates over a dict
  });
  caller.deadline = Deadline::now();  // nothing waits
  const auto all = objects();
  while (bytes.size() >= 2) {
    const auto message = next_message(bytes);
    static_cast<void>(detail::parse_hello(message));
    static_cast<void>(detail::parse_session(message));
    try {
      detail::value_of(message);  // as if it were a reply
    } catch (const std::logic_error&) {
      throw;
    } catch (const std::exception&) {
    }
    if (const auto request = detail::parse_request(message)) {
      call(*all[request->object % all.size()], *request, caller);
    }
  }
}

}  // namespace ipc::fuzz
