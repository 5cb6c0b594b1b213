// SPDX-License-Identifier: MIT
// A call as a message from a process to one that was forked from it: the address of the code that
// knows its types, which is the same in both, and its arguments, encoded.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "impl/codec/handle.h"
#include "impl/codec/msgpack.h"
#include "impl/os/stream.h"
#include "impl/process/async_result.h"

namespace ipc {

// What a worker can be told to call: a function, or a lambda that captures nothing. What they use
// beside their arguments must have been there before the worker was forked.
template <class F>
concept TaskFunction = (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>) ||
                       (std::is_empty_v<F> && std::default_initializable<F>);

// What no message carries, but a fork passes on: its class says what the error calls it.
template <class A>
concept InheritOnly = requires {
  { std::remove_cvref_t<A>::kInheritedAs } -> std::convertible_to<std::string_view>;
};

namespace detail {

using Bytes = std::vector<std::byte>;

// An argument as the message carries it: owned, text as std::string, a Connection as its handle, in
// tuples and pairs as well.
template <class A>
struct CarriedAs {
  using type = std::conditional_t<std::is_convertible_v<A, std::string_view>, std::string,
                                  std::conditional_t<Handled<A>, Handle, A>>;
};
template <class... A>
struct CarriedAs<std::tuple<A...>> {
  using type = std::tuple<typename CarriedAs<std::remove_cvref_t<A>>::type...>;
};
template <class A, class B>
struct CarriedAs<std::pair<A, B>> {
  using type = std::pair<typename CarriedAs<std::remove_cvref_t<A>>::type,
                         typename CarriedAs<std::remove_cvref_t<B>>::type>;
};
template <class A>
using Carried = typename CarriedAs<std::remove_cvref_t<A>>::type;

// No type where the function does not take them.
template <class F, class Arguments>
struct ResultOf {};
template <class F, class... A>
requires std::invocable<F, A...>
struct ResultOf<F, std::tuple<A...>> {
  using type = std::remove_cvref_t<std::invoke_result_t<F, A...>>;
};
template <class F, class Arguments>
using result_of_t = typename ResultOf<F, Arguments>::type;

struct TaskHead {
  void (*run)(std::uint64_t function, std::span<const std::byte> arguments, Bytes& result);
  std::uint64_t function;
};

template <TaskFunction F>
std::uint64_t word_of(F function) {
  if constexpr (std::is_pointer_v<F>) {
    return std::bit_cast<std::uint64_t>(function);
  } else {
    return 0;
  }
}
template <TaskFunction F>
F function_of(std::uint64_t word) {
  if constexpr (std::is_pointer_v<F>) {
    return std::bit_cast<F>(word);
  } else {
    return F{};
  }
}

template <class F, class Arguments>
ValueOf<result_of_t<F, Arguments>> call(F function, Arguments arguments) {
  if constexpr (std::is_void_v<result_of_t<F, Arguments>>) {
    std::apply(function, std::move(arguments));
    return {};
  } else {
    return std::apply(function, std::move(arguments));
  }
}

// In the worker. A monostate is nothing in the message.
template <class F, class Arguments>
void run_call(std::uint64_t word, std::span<const std::byte> arguments, Bytes& result) {
  const auto value = call(function_of<F>(word), decode<Arguments>(arguments));
  if constexpr (!std::is_same_v<decltype(value), const std::monostate>) encode(value, result);
}
template <class F, class Arguments>
void run_chunk(std::uint64_t word, std::span<const std::byte> arguments, Bytes& result) {
  std::vector<ValueOf<result_of_t<F, Arguments>>> values;
  for (Arguments& each : decode<std::vector<Arguments>>(arguments)) {
    values.push_back(call(function_of<F>(word), std::move(each)));
  }
  if constexpr (!std::is_void_v<result_of_t<F, Arguments>>) encode(values, result);
}

// Of a message of so many bytes, with what is encoded in it. Throws MessageTooBig; then its handles
// share nothing.
void require_carried(std::size_t bytes, std::span<const std::byte> encoded, std::string_view what,
                     std::size_t most = kMaxFrame);

// Throws what encoding does, and MessageTooBig.
template <class Arguments>
Bytes make_task(const TaskHead& head, const Arguments& arguments) {
  Bytes task(sizeof head);
  std::memcpy(task.data(), &head, sizeof head);
  encode(arguments, task);
  require_carried(task.size(), std::span(task).subspan(sizeof head), "a task");
  return task;
}

// Of a task that nobody will do: what its handles share is shared no more.
void forget_task(std::span<const std::byte> task);

// In the worker: calls what a task says; what it gives or throws, as a message.
Bytes run_task(std::span<const std::byte> task, std::size_t most = kMaxFrame);

bool is_error(std::span<const std::byte> outcome);

// The value in such a message. Throws TaskError when it says that the task threw.
std::span<const std::byte> value_in(std::span<const std::byte> outcome);

// The results of a chunk of so many tasks.
template <class Value>
std::vector<Value> decoded_chunk(std::span<const std::byte> outcome, std::size_t count) {
  const std::span<const std::byte> values = value_in(outcome);
  if constexpr (std::is_same_v<Value, std::monostate>) {
    return std::vector<Value>(count);
  } else {
    return decode<std::vector<Value>>(values);
  }
}

template <class Value>
Value decoded(std::span<const std::byte> outcome) {
  const std::span<const std::byte> value = value_in(outcome);
  if constexpr (std::is_same_v<Value, std::monostate>) {
    return {};
  } else {
    return decode<Value>(value);
  }
}

}  // namespace detail
}  // namespace ipc
