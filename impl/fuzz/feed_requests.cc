// SPDX-License-Identifier: MIT
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <memory>
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
#include "impl/manager/values.h"
#include "impl/os/unique_fd.h"

namespace ipc::fuzz {
namespace {

using detail::Bytes;

// One of each type but pools, whose calls a server's processes would do.
std::vector<std::shared_ptr<Referent>> objects() {
  const auto make = [](const auto& factory, Object::List given) {
    Arguments arguments(std::move(given));
    return factory(arguments);
  };
  return {make(detail::make_list, {Object::list({1, "two", 3.5})}),
          make(detail::make_dict, {Object::dict({{"a", 1}, {2, Object::list()}})}),
          make(detail::make_namespace, {}),
          make(detail::make_value, {"i", 1}),
          make(detail::make_array, {"i", Object::list({1, 2, 3})}),
          make(detail::make_lock, {}),
          make(detail::make_rlock, {}),
          make(detail::make_semaphore, {1}),
          make(detail::make_bounded_semaphore, {1}),
          make(detail::make_condition, {}),
          make(detail::make_event, {}),
          make([](Arguments& given) { return detail::make_barrier(given, {}); },
               {2, Object(), Object()}),
          make(detail::make_queue, {3})};
}

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// A list times this would only take memory, as its owner may wish.
bool takes_memory(std::string_view operation, const Arguments& arguments) {
  return operation.starts_with("multiply") && arguments.size() != 0 && arguments[0].is_integer() &&
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
    arguments = Arguments(std::move(decoded.as_list()));
    if (takes_memory(request.operation, arguments)) return;
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

}  // namespace

void feed_requests(std::span<const std::byte> bytes) {
  const UniqueFd client(eventfd(0, EFD_CLOEXEC));
  Caller caller(client.get(), [](std::string_view, const std::shared_ptr<Referent>&) {
    return Object("a proxy");  // what iterates over a dict
  });
  caller.deadline = Deadline::now();  // nothing waits
  const auto all = objects();
  while (bytes.size() >= 2) {
    const auto size =
        std::to_integer<std::size_t>(bytes[0]) | std::to_integer<std::size_t>(bytes[1]) << 8;
    const auto message = bytes.subspan(2, std::min(size, bytes.size() - 2));
    bytes = bytes.subspan(2 + message.size());
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
