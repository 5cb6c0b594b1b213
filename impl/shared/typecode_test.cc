// SPDX-License-Identifier: MIT
#include "impl/shared/typecode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "impl/shared/array.h"

namespace ipc {
namespace {

static_assert(std::is_same_v<typecode_t<'c'>, char>);
static_assert(std::is_same_v<typecode_t<'l'>, long>);
static_assert(std::is_same_v<typecode_t<'d'>, double>);

template <char Letter>
concept HasType = requires {
  typename typecode_t<Letter>;
};
static_assert(!HasType<'?'>);

// What Python 3.11's ctypes.sizeof says of each on x86-64.
const std::map<char, std::size_t> kBytes = {{'c', 1}, {'u', 4}, {'b', 1}, {'B', 1}, {'h', 2},
                                            {'H', 2}, {'i', 4}, {'I', 4}, {'l', 8}, {'L', 8},
                                            {'q', 8}, {'Q', 8}, {'f', 4}, {'d', 8}};

TEST(Typecode, HasThePythonTypesBytesAndRange) {
  for (const auto& [letter, bytes] : kBytes) {
    with_typecode(letter, [letter = letter, bytes = bytes](auto zero) {
      using T = decltype(zero);
      EXPECT_EQ(sizeof(T), bytes) << letter;
      if (letter == 'c' || letter == 'u') return;
      const bool small = letter >= 'a';
      EXPECT_EQ(std::numeric_limits<T>::is_signed, small) << letter;
      EXPECT_EQ(std::numeric_limits<T>::is_integer, letter != 'f' && letter != 'd') << letter;
    });
  }
}

TEST(Typecode, MakesZeroedArraysThatKeepTheLargestNumber) {
  for (const auto& [letter, bytes] : kBytes) {
    with_typecode(letter, [](auto zero) {
      using T = decltype(zero);
      Array<T> array(3);
      EXPECT_EQ(array.slice(), std::vector<T>(3));
      array.set(1, std::numeric_limits<T>::max());
      EXPECT_EQ(array.get(1), std::numeric_limits<T>::max());
    });
  }
}

TEST(Typecode, OfAnotherLetterIsRefusedWithTheValidOnes) {
  for (const char letter : {'?', 'x', ' '}) {
    try {
      with_typecode(letter, [](auto) { FAIL() << "it was taken for a code"; });
      FAIL() << "no error";
    } catch (const ValueError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("c u b B h H i I l L q Q f d"));
    }
  }
}

}  // namespace
}  // namespace ipc
