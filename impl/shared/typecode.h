// SPDX-License-Identifier: MIT
// Python's type codes, as multiprocessing's Value and Array take them, by the C++ types that have
// the same bytes:
//
//   ipc::Array<ipc::typecode_t<'d'>> samples(1000);                // Array('d', 1000)
//   ipc::with_typecode(code, [](auto zero) { ... });               // a code known at run time only
//
// On x86-64 Linux: c 1 byte of text, u wchar_t, b/B 8 bits, h/H 16, i/I 32, l/L and q/Q 64, f
// float, d double; the small letter is the signed one. There is no code for bool, as in Python.
#pragma once

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "impl/os/error.h"

namespace ipc {
namespace detail {

template <char Letter, class T>
struct Code {
  static constexpr char letter = Letter;
  using type = T;
};

using Codes = std::tuple<Code<'c', char>, Code<'u', wchar_t>, Code<'b', signed char>,
                         Code<'B', unsigned char>, Code<'h', short>, Code<'H', unsigned short>,
                         Code<'i', int>, Code<'I', unsigned>, Code<'l', long>,
                         Code<'L', unsigned long>, Code<'q', long long>,
                         Code<'Q', unsigned long long>, Code<'f', float>, Code<'d', double>>;

template <char Letter, class Tuple>
struct CodeOf;
template <char Letter, class First, class... Rest>
struct CodeOf<Letter, std::tuple<First, Rest...>>
    : std::conditional_t<First::letter == Letter, std::type_identity<typename First::type>,
                         CodeOf<Letter, std::tuple<Rest...>>> {};
template <char Letter>
struct CodeOf<Letter, std::tuple<>> {};  // no type: there is no such code

}  // namespace detail

template <char Letter>
using typecode_t = typename detail::CodeOf<Letter, detail::Codes>::type;

// use(T{}) with the type of a code. Throws ValueError, which names all codes, for another letter.
template <class Use>
void with_typecode(char letter, const Use& use) {
  const bool known = [&]<class... Code>(std::type_identity<std::tuple<Code...>>) {
    return ((Code::letter == letter && (static_cast<void>(use(typename Code::type{})), true)) ||
            ...);
  }(std::type_identity<detail::Codes>());
  if (!known) {
    throw ValueError(std::string("type code '") + letter +
                     "': there is no such type code; valid are c u b B h H i I l L q Q f d");
  }
}

}  // namespace ipc
