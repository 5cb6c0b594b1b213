// SPDX-License-Identifier: MIT
// Object: its kinds, access, equality, dict keys, and its printed form against the output of
// CPython 3.11.
#include "impl/codec/object.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace ipc {
namespace {

using namespace std::string_view_literals;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kMinSigned = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMaxSigned = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kMaxUnsigned = std::numeric_limits<std::uint64_t>::max();

// What `call` throws as an Error, or "" if nothing.
template <class Error, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ObjectTest, IsOfTheKindThatItWasMadeFrom) {
  EXPECT_TRUE(Object().is_none());
  EXPECT_TRUE(Object(true).is_bool());
  EXPECT_TRUE(Object{42}.is_integer());
  EXPECT_TRUE(Object(std::uint8_t{7}).is_integer());
  EXPECT_TRUE(Object(2.5).is_real());
  EXPECT_TRUE(Object(2.5f).is_real());
  EXPECT_TRUE(Object("text").is_text());
  EXPECT_TRUE(Object(std::string("text")).is_text());
  EXPECT_TRUE(Object("text"sv).is_text());
  EXPECT_TRUE(Object::bytes("text"sv).is_bytes());
  EXPECT_TRUE(Object::list({1}).is_list());
  EXPECT_TRUE(Object::tuple({1}).is_tuple());
  EXPECT_TRUE(Object::dict({{1, 2}}).is_dict());
  EXPECT_FALSE(Object(true).is_integer());
  EXPECT_FALSE(Object::list().is_tuple());
}

TEST(ObjectTest, GivesBackWhatWasPutIn) {
  EXPECT_EQ(Object(true).as_bool(), true);
  EXPECT_EQ(Object(-5).as_integer(), -5);
  EXPECT_EQ(Object(5).as_unsigned(), 5u);
  EXPECT_EQ(Object(2.5).as_real(), 2.5);
  EXPECT_EQ(Object("text").as_text(), "text");
  EXPECT_EQ(Object::bytes("\0a"sv).as_bytes(), (Object::Bytes{std::byte{0}, std::byte{'a'}}));
  EXPECT_EQ(Object::list({1, 2}).as_list().size(), 2u);
  EXPECT_EQ(Object::tuple({1, 2}).as_tuple().size(), 2u);
  EXPECT_EQ(Object::dict({{1, 2}}).as_dict().size(), 1u);
}

TEST(ObjectTest, WrongKindIsATypeErrorThatNamesBothKinds) {
  EXPECT_EQ(message_of<TypeError>([] { (void)Object("x").as_integer(); }), "expected int, got str");
  EXPECT_EQ(message_of<TypeError>([] { (void)Object(true).as_integer(); }),
            "expected int, got bool");
  EXPECT_EQ(message_of<TypeError>([] { (void)Object(1).as_real(); }), "expected float, got int");
  EXPECT_EQ(message_of<TypeError>([] { (void)Object().as_text(); }), "expected str, got NoneType");
  EXPECT_EQ(message_of<TypeError>([] { (void)Object::tuple().as_list(); }),
            "expected list, got tuple");
  EXPECT_EQ(message_of<TypeError>([] { (void)Object(1.5).as_dict(); }), "expected dict, got float");
  EXPECT_EQ(message_of<TypeError>([] { (void)Object(1).begin(); }),
            "expected list or tuple, got int");
  EXPECT_EQ(message_of<TypeError>([] { (void)Object(1).size(); }),
            "object of type 'int' has no len()");
}

TEST(ObjectTest, HoldsEveryIntegerOf64BitsSignedOrUnsigned) {
  EXPECT_EQ(Object(kMinSigned).as_integer(), kMinSigned);
  EXPECT_EQ(Object(kMaxUnsigned).as_unsigned(), kMaxUnsigned);
  EXPECT_EQ(Object(std::uint64_t{5}), Object(5));
  EXPECT_EQ(message_of<ValueError>([] { (void)Object(kMaxUnsigned).as_integer(); }),
            "int 18446744073709551615 does not fit in 64 signed bits");
  EXPECT_EQ(message_of<ValueError>([] { (void)Object(-1).as_unsigned(); }),
            "int -1 is negative, expected 0 or more");
}

TEST(ObjectTest, TextIsUtf8OrAValueError) {
  for (const std::string_view valid : {"\x7F"sv, "\xC2\x80"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv,
                                       "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv, "\0"sv}) {
    EXPECT_EQ(Object(valid).as_text(), valid);
  }
  // Alone, then after eight plain bytes, which are checked at once.
  for (const std::string_view invalid :
       {"\x80"sv, "\xC1\xBF"sv, "\xC2"sv, "\xC2\x41"sv, "\xE0\x9F\xBF"sv, "\xE4\xB8"sv,
        "\xED\xA0\x80"sv, "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv,
        "\xFF"sv}) {
    EXPECT_THROW((void)Object(invalid), ValueError) << testing::PrintToString(invalid);
    const std::string later = "12345678" + std::string(invalid);
    EXPECT_NE(message_of<ValueError>([&] { (void)Object(later); }).find("not UTF-8 at byte 8 "),
              std::string::npos);
  }
}

TEST(ObjectTest, NumbersOfAnyKindAreEqualByValueAsInPython) {
  EXPECT_EQ(Object(1), Object(1.0));
  EXPECT_EQ(Object(1), Object(true));
  EXPECT_EQ(Object(0.0), Object(false));
  EXPECT_EQ(Object(0.0), Object(-0.0));
  EXPECT_EQ(Object(std::uint64_t{1} << 63), Object(0x1p63));
  EXPECT_EQ(Object(kMinSigned), Object(-0x1p63));
  EXPECT_EQ(Object(kInfinity), Object(kInfinity));
  EXPECT_NE(Object(1), Object(2));
  EXPECT_NE(Object(1), Object(1.5));
  EXPECT_NE(Object(-1), Object(kMaxUnsigned));
  EXPECT_NE(Object((std::int64_t{1} << 53) + 1), Object(0x1p53));
  EXPECT_NE(Object(kMaxSigned), Object(0x1p63));
  EXPECT_NE(Object(kMaxUnsigned), Object(0x1p64));
  EXPECT_NE(Object(kNan), Object(kNan));
  EXPECT_NE(Object(1), Object("1"));
  EXPECT_NE(Object(0), Object());
}

TEST(ObjectTest, BytesAreEqualWhenEachIs) {
  EXPECT_EQ(Object::bytes(), Object::bytes(""sv));
  EXPECT_EQ(Object::bytes("a\0b"sv), Object::bytes("a\0b"sv));
  EXPECT_NE(Object::bytes("a\0b"sv), Object::bytes("a\0c"sv));
  EXPECT_NE(Object::bytes("ab"sv), Object::bytes("a"sv));
  EXPECT_NE(Object::bytes("a"sv), Object("a"));
}

TEST(ObjectTest, ContainersAreEqualWhenTheirItemsAre) {
  EXPECT_EQ(Object::list({1, "a"}), Object::list({1.0, "a"}));
  EXPECT_NE(Object::list({1}), Object::tuple({1}));
  EXPECT_NE(Object::list({1}), Object::list({1, 1}));
  EXPECT_EQ(Object::dict({{1, "a"}, {2, "b"}}), Object::dict({{2, "b"}, {1, "a"}}));
  EXPECT_NE(Object::dict({{1, "a"}, {2, "b"}}), Object::dict({{1, "a"}, {2, "c"}}));
  EXPECT_NE(Object::dict({{1, "a"}, {2, "b"}}), Object::dict({{1, "a"}, {3, "b"}}));
  EXPECT_NE(Object::dict({{1, "a"}}), Object::dict({{1, "a"}, {2, "b"}}));
}

TEST(ObjectTest, CopiesShareNothing) {
  const Object original = Object::list({Object::list({1})});
  Object copy = original;
  copy.as_list()[0].set(0, 2);
  EXPECT_EQ(repr(original), "[[1]]");
  EXPECT_EQ(repr(copy), "[[2]]");
}

TEST(ObjectTest, EqualKeysAreOneKeyThatKeepsItsFirstForm) {
  const Object dict = Object::dict({{1, "a"}, {"x", "b"}, {true, "c"}, {1.0, "d"}});
  EXPECT_EQ(repr(dict), "{1: 'd', 'x': 'b'}");
  EXPECT_EQ(dict[true], "d");
  EXPECT_EQ(Object::dict({{0.0, 1}, {false, 2}}).size(), 1u);
  EXPECT_EQ(Object::dict({{Object::tuple({1, 2}), 1}, {Object::tuple({1.0, 2}), 2}}).size(), 1u);
  EXPECT_EQ(Object::dict({{"1", 1}, {1, 2}, {Object::bytes("1"sv), 3}}).size(), 3u);
}

TEST(ObjectTest, UnhashableKeysAreRefusedAsPythonDoes) {
  Object dict = Object::dict();
  EXPECT_EQ(message_of<TypeError>([&] { dict.set(Object::list(), 1); }), "unhashable type: 'list'");
  EXPECT_EQ(message_of<TypeError>([&] { dict.set(Object::dict(), 1); }), "unhashable type: 'dict'");
  EXPECT_EQ(message_of<TypeError>([&] {
              dict.set(Object::tuple({1, Object::tuple({Object::dict()})}), 1);
            }),
            "unhashable type: 'dict'");
  EXPECT_EQ(message_of<TypeError>([&] { (void)dict[Object::list()]; }), "unhashable type: 'list'");
  EXPECT_EQ(dict.size(), 0u);
  EXPECT_TRUE(Object::tuple({1, Object::tuple()}).is_hashable());
}

TEST(ObjectTest, LargeDictFindsItsKeysInOrderThroughInsertionsAndErasures) {
  constexpr int keys = 300;
  const auto key = [](int i) {
    switch (i % 5) {
      case 0:
        return Object(i * (std::int64_t{1} << 32));
      case 1:
        return Object("key" + std::to_string(i));
      case 2:
        return Object(i + 0.5);
      case 3:
        return Object::tuple({i, "x"});
      default:
        return Object::bytes(std::to_string(i));
    }
  };
  Object::Dict dict;
  for (int i = 0; i < keys; ++i) dict.set(key(i), i);
  for (int i = 0; i < keys; i += 3) EXPECT_TRUE(dict.erase(key(i)));
  EXPECT_FALSE(dict.erase(key(0)));
  for (int i = 0; i < keys; ++i) {
    const Object* value = dict.find(key(i));
    ASSERT_EQ(value != nullptr, i % 3 != 0) << i;
    EXPECT_TRUE(value == nullptr || *value == i) << i;
  }
  EXPECT_EQ(dict.size(), std::size_t{keys * 2 / 3});
  std::int64_t last = -1;
  for (const auto& [unused, value] : dict) {
    EXPECT_GT(value.as_integer(), last);
    last = value.as_integer();
  }
  const Object one_key[] = {7, 7.0};
  for (int i = 1000; i < 1010; ++i) dict.set(one_key[i % 2], i);
  EXPECT_EQ(*dict.find(7), 1009);
  EXPECT_EQ(dict.size(), std::size_t{keys * 2 / 3 + 1});
}

TEST(ObjectTest, LookUpFindsItemsAndKeysOrSaysWhatIsMissing) {
  const Object list = Object::list({"a", "b", "c"});
  EXPECT_EQ(list[0], "a");
  EXPECT_EQ(list[-1], "c");
  EXPECT_EQ(Object::tuple({1, 2})[1], 2);
  EXPECT_EQ(Object::dict({{"k", Object::list({1, 2})}})["k"][1], 2);
  EXPECT_EQ(message_of<IndexError>([&] { (void)list[3]; }), "list index out of range: 3 of 3");
  EXPECT_EQ(message_of<IndexError>([&] { (void)list[-4]; }), "list index out of range: -4 of 3");
  EXPECT_THROW((void)list[kMaxUnsigned], IndexError);
  EXPECT_EQ(message_of<TypeError>([&] { (void)list["a"]; }),
            "list indices must be integers, not str");
  EXPECT_EQ(message_of<KeyError>([] { (void)Object::dict({{1, 2}})["x"]; }), "'x'");
  EXPECT_THROW((void)Object(1)[0], TypeError);
}

TEST(ObjectTest, SetReplacesItemsAndInsertsEntries) {
  Object list = Object::list({1, 2});
  list.set(-1, "two");
  EXPECT_EQ(repr(list), "[1, 'two']");
  EXPECT_THROW(list.set(2, 3), IndexError);
  Object dict = Object::dict({{"a", 1}});
  dict.set("b", 2);
  dict.set("a", 3);
  EXPECT_EQ(repr(dict), "{'a': 3, 'b': 2}");
  Object tuple = Object::tuple({1});
  EXPECT_EQ(message_of<TypeError>([&] { tuple.set(0, 2); }),
            "'tuple' object does not support item assignment");
}

TEST(ObjectTest, SizeIsPythonsLen) {
  EXPECT_EQ(Object("na\u00EFve \u4E2D\u6587").size(), 8u);
  EXPECT_EQ(Object::bytes("\0\xFF"sv).size(), 2u);
  EXPECT_EQ(Object::list({1, 2, 3}).size(), 3u);
  EXPECT_EQ(Object::tuple().size(), 0u);
  EXPECT_EQ(Object::dict({{1, 1}, {2, 2}}).size(), 2u);
}

TEST(ObjectTest, ListsAndTuplesAreIteratedInOrder) {
  std::int64_t digits = 0;
  for (const Object& item : Object::list({1, 2, 3})) digits = digits * 10 + item.as_integer();
  for (const Object& item : Object::tuple({4, 5})) digits = digits * 10 + item.as_integer();
  EXPECT_EQ(digits, 12345);
}

TEST(ObjectTest, PrintsAsPythonDoes) {
  std::ostringstream out;
  out << Object::list({42, Object(), "hello"}) << ' ' << Object("it's");
  EXPECT_EQ(out.str(), "[42, None, 'hello'] it's");
  EXPECT_EQ(str("a\nb"), "a\nb");
  EXPECT_EQ(str(1.0), "1.0");
  EXPECT_EQ(str(Object::bytes("a"sv)), "b'a'");
}

// The expected strings are what CPython 3.11.2 printed for repr() of the same values.
TEST(ObjectTest, ReprIsWhatCPythonPrints) {
  const struct {
    Object object;
    std::string_view expected;
  } cases[] = {
      {Object(), "None"},
      {true, "True"},
      {false, "False"},
      {0, "0"},
      {-42, "-42"},
      {kMinSigned, "-9223372036854775808"},
      {kMaxUnsigned, "18446744073709551615"},
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-1.5, "-1.5"},
      {0.1, "0.1"},
      {123456789.0, "123456789.0"},
      {1e15, "1000000000000000.0"},
      {9999999999999998.0, "9999999999999998.0"},
      {1e16, "1e+16"},
      {1.5e16, "1.5e+16"},
      {-1.2345e22, "-1.2345e+22"},
      {1e100, "1e+100"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {0.001, "0.001"},
      {0.0001, "0.0001"},
      {0.00012345, "0.00012345"},
      {1e-05, "1e-05"},
      {1.5e-7, "1.5e-07"},
      {5e-324, "5e-324"},
      {3.141592653589793, "3.141592653589793"},
      {1e22, "1e+22"},
      {0.3333333333333333, "0.3333333333333333"},
      {100.0, "100.0"},
      {1234.5, "1234.5"},
      {9007199254740993.0, "9007199254740992.0"},
      {2.5e-310, "2.5e-310"},
      {kInfinity, "inf"},
      {-kInfinity, "-inf"},
      {kNan, "nan"},
      {""sv, "''"},
      {"hello"sv, "'hello'"},
      {"it's"sv, "\"it's\""},
      {"say \"hi\""sv, "'say \"hi\"'"},
      {"it's \"both\""sv, "'it\\'s \"both\"'"},
      {"a\\b"sv, "'a\\\\b'"},
      {"tab\011new\012ret\015"sv, "'tab\\tnew\\nret\\r'"},
      {"\000\001\037\177"sv, "'\\x00\\x01\\x1f\\x7f'"},
      {"\302\200\302\237\302\240\302\255"sv, "'\\x80\\x9f\\xa0\\xad'"},
      {"café"sv, "'café'"},
      {"中文"sv, "'中文'"},
      {"\342\200\213\342\200\250\343\200\200\357\273\277"sv, "'\\u200b\\u2028\\u3000\\ufeff'"},
      {"\360\237\230\200"sv, "'\360\237\230\200'"},
      {"\356\200\200\363\260\200\200\364\217\277\277"sv, "'\\ue000\\U000f0000\\U0010ffff'"},
      {"\357\277\277"sv, "'\\uffff'"},
      {"e\314\201"sv, "'e\314\201'"},
      {"\363\240\204\200\363\240\207\260"sv, "'\363\240\204\200\\U000e01f0'"},
      {Object::bytes(""sv), "b''"},
      {Object::bytes("abc"sv), "b'abc'"},
      {Object::bytes("\000a'b\377"sv), "b\"\\x00a'b\\xff\""},
      {Object::bytes("it's"sv), "b\"it's\""},
      {Object::bytes("both ' \""sv), "b'both \\' \"'"},
      {Object::bytes("\011\012\015\\~\177"sv), "b'\\t\\n\\r\\\\~\\x7f'"},
      {Object::list(), "[]"},
      {Object::list({42, Object(), "hello"}), "[42, None, 'hello']"},
      {Object::tuple(), "()"},
      {Object::tuple({1}), "(1,)"},
      {Object::tuple({1, "two", 3.0}), "(1, 'two', 3.0)"},
      {Object::dict(), "{}"},
      {Object::dict({{1, "1"}, {2, "2"}}), "{1: '1', 2: '2'}"},
      {Object::dict({{"k", Object::list({Object::tuple({1, 2}), Object::dict({{Object(), true}})})},
                     {Object::tuple({1, "a"}), Object::bytes("x"sv)}}),
       "{'k': [(1, 2), {None: True}], (1, 'a'): b'x'}"},
      {Object::list({Object::list({Object::list()})}), "[[[]]]"},
  };
  for (const auto& [object, expected] : cases) EXPECT_EQ(repr(object), expected);
}

}  // namespace
}  // namespace ipc
