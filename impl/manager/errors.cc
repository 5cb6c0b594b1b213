// SPDX-License-Identifier: MIT
#include "impl/manager/errors.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <typeinfo>

#include "impl/codec/object.h"
#include "impl/os/type_name.h"
#include "impl/process/async_result.h"
#include "impl/queue/queue_core.h"
#include "impl/sync/barrier.h"

namespace ipc::detail {
namespace {

struct Kind {
  std::string_view name;
  bool (*is_of)(const std::exception& error);
  void (*raise)(const std::string& text);
};

template <class E>
constexpr Kind kind(std::string_view name) {
  return {name, [](const std::exception& error) { return typeid(error) == typeid(E); },
          [](const std::string& text) {
            if constexpr (std::is_default_constructible_v<E>) throw E();
            if constexpr (!std::is_default_constructible_v<E>) throw E(text);
          }};
}

constexpr Kind kKinds[] = {
    kind<KeyError>("KeyError"),
    kind<IndexError>("IndexError"),
    kind<ValueError>("ValueError"),
    kind<TypeError>("TypeError"),
    kind<AttributeError>("AttributeError"),
    kind<RuntimeError>("RuntimeError"),
    kind<OverflowError>("OverflowError"),
    kind<Empty>("Empty"),
    kind<Full>("Full"),
    kind<BrokenBarrier>("BrokenBarrier"),
    kind<RemoteError>("RemoteError"),
    kind<TimeoutError>("TimeoutError"),
    kind<WorkerDied>("WorkerDied"),
    kind<PoolTerminated>("PoolTerminated"),
    {"TaskError", [](const std::exception& error) { return typeid(error) == typeid(TaskError); },
     [](const std::string& text) {  // its type and what it says
       const std::size_t colon = text.find(": ");
       if (colon == std::string::npos) throw TaskError("", text);
       throw TaskError(text.substr(0, colon), text.substr(colon + 2));
     }},
};

}  // namespace

NamedError named(const std::exception& error) {
  const auto found =
      std::ranges::find_if(kKinds, [&](const Kind& one) { return one.is_of(error); });
  if (found != std::end(kKinds)) return {std::string(found->name), error.what()};
  return {"RemoteError", type_name(typeid(error)) + ": " + error.what()};
}

void throw_named(const NamedError& error) {
  const auto found = std::ranges::find(kKinds, error.name, &Kind::name);
  if (found != std::end(kKinds)) found->raise(error.text);
  throw RemoteError(error.name + ": " + error.text);
}

}  // namespace ipc::detail
