// SPDX-License-Identifier: MIT
#include "impl/manager/together.h"

#include <set>
#include <utility>

#include "impl/codec/parts.h"
#include "impl/codec/utf8.h"

namespace ipc::detail {
namespace {

// About what it takes in a message.
std::size_t size_of(const Object& value) {
  std::size_t size = 0;
  for_each_part(value, [&size](const Object& part) {
    size += 1 + (part.is_text() ? part.as_text().size() : 0) +
            (part.is_bytes() ? part.as_bytes().size() : 0);
  });
  return size;
}

Object::List& parts_of(Object& call) {
  Object::List& parts = call.as_list();
  if (parts.size() != 3) throw TypeError("a call is an object, an operation and arguments");
  return parts;
}

// What the call gives, or its error's name and text.
Object result_or_error(std::size_t number, const std::function<Object(std::size_t)>& call) {
  try {
    return Object::list(Object::pack(call(number)));
  } catch (const CallerGone&) {
    throw;
  } catch (const std::exception& error) {
    const NamedError what = named(error);
    return Object::list({what.name, as_utf8(what.text)});
  } catch (...) {
    return Object::list({"RemoteError", "what was thrown is no std::exception"});
  }
}

}  // namespace

CallTogether::CallTogether(Object call)
    : object(parts_of(call)[0].as_unsigned()),
      operation(call[1].as_text()),
      arguments(std::move(parts_of(call)[2].as_list())) {}

void call_together(std::size_t count, Object::List& results,
                   const std::function<Object(std::size_t)>& call) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    results.push_back(result_or_error(i, call));
    size += size_of(results.back());
    if (size > kLongestMessage) throw RemoteError("the results cannot be sent: too long");
  }
}

Object Together::call(std::string_view, Arguments& arguments, Caller& caller) {
  for (std::size_t i = 0; i < arguments.size(); ++i) calls_.emplace_back(arguments.take(i));
  Object::List results;
  try {
    call_together(calls_.size(), results,
                  [&](std::size_t number) { return result_of(calls_[number], caller); });
  } catch (...) {  // or the client has gone
    undo(results);
    throw;
  }
  return Object::list(std::move(results));
}

void Together::undelivered(std::string_view, Arguments&, Object&& results) {
  undo(results.as_list());
}

Object Together::result_of(Call& call, Caller& caller) const {
  std::shared_ptr<Entry> entry = held_(call.object);
  Object result = entry->referent->call(call.operation, call.arguments, caller);
  call.entry = std::move(entry);
  return result;
}

// What a batch has given back itself, or called done, is not given back once more.
void Together::undo(Object::List& results) {
  std::set<const Entry*> settled;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Call& call = calls_[i];
    if (call.operation == "release" || call.operation == "task_done") {
      settled.insert(call.entry.get());
    }
  }
  for (std::size_t i = results.size(); i-- > 0;) {
    Call& call = calls_[i];
    if (!call.entry || settled.contains(call.entry.get())) continue;
    call.entry->referent->undelivered(call.operation, call.arguments,
                                      std::move(results[i].as_list()[0]));
  }
}

}  // namespace ipc::detail
