// SPDX-License-Identifier: MIT
// Messages: the wire format, the way back, and that no bytes whatsoever do more than a DecodeError.
#include "impl/codec/msgpack.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace ipc {
namespace {

using namespace std::string_view_literals;
using Message = std::vector<std::byte>;

struct Job {
  int id = 0;
  std::string name;
  Object arguments;
  MSGPACK_DEFINE(id, name, arguments)
};

Message bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

template <class T>
Message encoded(const T& value) {
  Message out;
  encode(value, out);
  return out;
}

// What decode says of the message, with "@offset" before it; "" when it accepts it.
template <class T = Object>
std::string refusal(const Message& message) {
  try {
    (void)decode<T>(message);
  } catch (const DecodeError& error) {
    const std::string_view what = error.what();
    return "@" + std::to_string(error.offset()) + std::string(what.substr(what.find(':')));
  }
  return "";
}

Object nested(std::size_t levels, Object (*wrap)(Object)) {
  Object object;
  for (std::size_t i = 0; i < levels; ++i) object = wrap(std::move(object));
  return object;
}

Object in_list(Object object) { return Object::list({std::move(object)}); }
Object in_tuple(Object object) { return Object::tuple({std::move(object)}); }
Object in_dict(Object object) { return Object::dict({{1, std::move(object)}}); }

// One object of every kind and size class of the format, and mixtures.
const std::vector<Object>& samples() {
  static const std::vector<Object> all = {
      Object(),
      true,
      false,
      0,
      127,
      128,
      255,
      256,
      65535,
      65536,
      4294967295,
      4294967296,
      -1,
      -32,
      -33,
      -128,
      -129,
      -32768,
      -32769,
      -2147483648,
      -2147483649,
      std::numeric_limits<std::int64_t>::min(),
      std::numeric_limits<std::int64_t>::max(),
      std::numeric_limits<std::uint64_t>::max(),
      0.0,
      -0.0,
      1.0,
      -1.5,
      1e300,
      std::numeric_limits<double>::infinity(),
      "",
      "hello",
      "\u4E2D\u6587",
      std::string(31, 'a'),
      std::string(32, 'b'),
      std::string(256, 'c'),
      std::string(65536, 'd'),
      Object::bytes(),
      Object::bytes("\0\xFF"sv),
      Object::bytes(std::string(256, 'e')),
      Object::bytes(std::string(65536, 'f')),
      Object::list(),
      Object::list(Object::List(15, 1)),
      Object::list(Object::List(16, 2)),
      Object::list(Object::List(65536, 3)),
      Object::tuple(),
      Object::tuple({1}),
      Object::tuple(Object::List(300, "x")),
      Object::dict(),
      Object::dict(
          {{1, "1"}, {"2", 2.0}, {Object::tuple({1, 2}), Object()}, {Object::bytes("k"sv), true}}),
      Object::list({42, Object(), "hello"}),
      Object::list({Object::tuple({Object::tuple(), Object::list({Object::tuple({1.0, "x"})})}),
                    Object::dict({{"d", Object::dict({{2, Object::bytes("y"sv)}})}})}),
  };
  return all;
}

// Short, and together with every kind in every place.
std::vector<Message> seeds() {
  return {
      encoded(Object::list({42, -7, Object(), "hello", 1.5, true, Object::bytes("\1\2"sv)})),
      encoded(Object::dict({{1, "1"}, {"k", Object::list({1, 300, 70000})}, {Object(), -200}})),
      encoded(Object::tuple({Object::tuple({1, "x"}), Object::dict({{Object::tuple({1}), 2}})})),
      encoded(Object::list({std::string(40, 'a'), Object::list(Object::List(17, 5))})),
      encoded("\u4E2D\u6587")};
}

TEST(MsgpackTest, EveryObjectComesBackAsItWas) {
  for (const Object& object : samples()) {
    const Object back = decode(encoded(object));
    EXPECT_EQ(back, object);
    EXPECT_EQ(repr(back), repr(object));  // tells 1, 1.0 and True apart
  }
  EXPECT_TRUE(std::isnan(decode(encoded(Object(std::nan("")))).as_real()));
}

TEST(MsgpackTest, DictKeepsItsOrder) {
  Object::Dict dict;
  for (int i = 0; i < 100; ++i) dict.set(i * 7919 % 100, i);
  const Object object = Object::dict(dict);
  EXPECT_EQ(repr(decode(encoded(object))), repr(object));
}

TEST(MsgpackTest, WireFormatIsMsgpacks) {
  const struct {
    Object object;
    std::string_view message;
  } cases[] = {{Object(), "\xC0"sv},
               {true, "\xC3"sv},
               {5, "\x05"sv},
               {-1, "\xFF"sv},
               {300, "\xCD\x01\x2C"sv},
               {1.0, "\xCB\x3F\xF0\0\0\0\0\0\0"sv},
               {"hi", "\xA2hi"sv},
               {Object::bytes("\0"sv), "\xC4\x01\0"sv},
               {Object::list({1, 2}), "\x92\x01\x02"sv},
               {Object::dict({{1, 2}}), "\x81\x01\x02"sv},
               {Object::tuple({1, 2}), "\xC9\0\0\0\x03\x01\x92\x01\x02"sv}};
  for (const auto& [object, message] : cases)
    EXPECT_EQ(encoded(object), bytes_of(message)) << object;
}

TEST(MsgpackTest, EveryFormOfAValueIsDecoded) {
  EXPECT_EQ(repr(decode(bytes_of("\xD4\x01\x90"sv))), "()");
  EXPECT_EQ(repr(decode(bytes_of("\xC7\x03\x01\x92\x01\x02"sv))), "(1, 2)");
  EXPECT_EQ(repr(decode(bytes_of("\xCA\x3F\xC0\0\0"sv))), "1.5");
  EXPECT_EQ(repr(decode(bytes_of("\xD3\0\0\0\0\0\0\0\x05"sv))), "5");
  EXPECT_EQ(repr(decode(bytes_of("\xDD\0\0\0\x01\xC0"sv))), "[None]");
  EXPECT_EQ(repr(decode(bytes_of("\x83\x01\xA1"
                                 "a\xC3\xA1"
                                 "b\x02\xC0"sv))),
            "{1: 'b', 2: None}");
}

TEST(MsgpackTest, EncodeAppends) {
  Message out = bytes_of("head"sv);
  encode(Object(1), out);
  encode(2, out);
  EXPECT_EQ(out, bytes_of("head\x01\x02"sv));
}

TEST(MsgpackTest, WhatCannotBeCarriedIsAValueErrorAndLeavesNothingBehind) {
  for (const auto wrap : {in_list, in_tuple, in_dict}) {
    Message out = bytes_of("head"sv);
    EXPECT_THROW(encode(Object::list({1, nested(kMaxDepth, wrap)}), out), ValueError);
    EXPECT_EQ(out, bytes_of("head"sv));
    EXPECT_THROW(encode(std::vector<Object>{1, nested(kMaxDepth, wrap)}, out), ValueError);
    EXPECT_THROW(encode(std::map<int, std::string>{{1, "\xFF"}}, out), ValueError);
    EXPECT_EQ(out, bytes_of("head"sv));
  }
}

TEST(MsgpackTest, TheDeepestNestingComesBackAndOneLevelMoreDoesNot) {
  for (const auto wrap : {in_list, in_tuple, in_dict}) {
    const Object deepest = nested(kMaxDepth, wrap);
    EXPECT_EQ(decode(encoded(deepest)), deepest);
  }
  Message deeper = encoded(nested(kMaxDepth, in_list));
  deeper.insert(deeper.begin(), std::byte{0x91});
  EXPECT_EQ(refusal(deeper), "@256: nested deeper than 256 levels");
  EXPECT_EQ(refusal<std::vector<Object>>(deeper), "@256: nested deeper than 256 levels");
  // A tuple around the deepest tuple: another header of ext 32 and of an array.
  Message tuple = encoded(nested(kMaxDepth, in_tuple));
  const auto length = tuple.size() + 1;
  const Message head = bytes_of("\xC9\0\0\0\0\x01\x91"sv);
  tuple.insert(tuple.begin(), head.begin(), head.end());
  tuple[3] = static_cast<std::byte>(length >> 8);
  tuple[4] = static_cast<std::byte>(length & 0xFF);
  EXPECT_NE(refusal(tuple).find("nested deeper"), std::string::npos);
}

TEST(MsgpackTest, EveryTruncationIsRefused) {
  for (const Message& message : seeds()) {
    for (std::size_t size = 0; size < message.size(); ++size) {
      const Message part(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_NE(refusal(part), "") << size;
      EXPECT_NE(refusal<std::vector<Object>>(part), "") << size;
    }
  }
  EXPECT_EQ(refusal({}), "@0: ends in the middle of a value");
}

TEST(MsgpackTest, NoChangedByteDoesMoreThanADecodeError) {
  int accepted = 0, refused = 0;
  for (const Message& seed : seeds()) {
    Message message = seed;
    for (std::size_t at = 0; at < message.size(); ++at) {
      for (int flip = 1; flip < 256; ++flip) {
        message[at] = seed[at] ^ static_cast<std::byte>(flip);
        if (refusal(message).empty()) {
          // What is accepted is a whole Object: it can be printed and sent again.
          EXPECT_EQ(repr(decode(encoded(decode(message)))), repr(decode(message)));
          ++accepted;
        } else {
          ++refused;
        }
        (void)refusal<std::map<std::string, Object>>(message);
        (void)refusal<std::vector<Job>>(message);
        (void)refusal<std::tuple<std::string, std::vector<int>, std::optional<double>>>(message);
      }
      message[at] = seed[at];
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 10000);
}

TEST(MsgpackTest, DeclaredLengthsAreNotBelieved) {
  for (const std::string_view bomb :
       {"\xDD\xFF\xFF\xFF\xFF"sv, "\xDF\xFF\xFF\xFF\xFF"sv, "\xDB\xFF\xFF\xFF\xFFx"sv,
        "\xC6\xFF\xFF\xFF\xFFx"sv, "\xC9\xFF\xFF\xFF\xFF\x01\x90"sv,
        "\xC9\0\0\0\x06\x01\xDD\xFF\xFF\xFF\xFF"sv}) {
    EXPECT_NE(refusal(bytes_of(bomb)), "");
    EXPECT_NE(refusal<std::vector<int>>(bytes_of(bomb)), "");
    EXPECT_NE(refusal<std::string>(bytes_of(bomb)), "");
  }
  EXPECT_EQ(refusal(bytes_of("\xDD\xFF\xFF\xFF\xFF\x01"sv)),
            "@4: declares 4294967295 items, more than there are bytes");
  // Each array alone could be true, both cannot.
  EXPECT_EQ(refusal(bytes_of("\x96\x96\x01\x01\x01\x01\x01\x01"sv)),
            "@1: declares 6 items, more than there are bytes");
  EXPECT_EQ(refusal(Message(100'000, std::byte{0x91})), "@256: nested deeper than 256 levels");
  Message tuples;
  for (int i = 0; i < 20'000; ++i) tuples.insert(tuples.end(), {std::byte{0xD6}, std::byte{0x01}});
  EXPECT_NE(refusal(tuples), "");
}

TEST(MsgpackTest, RefusalsSayWhereAndWhy) {
  EXPECT_EQ(refusal(bytes_of("\x92\x01\xC1"sv)), "@2: byte 0xc1 starts no msgpack value");
  EXPECT_EQ(refusal(bytes_of("\x92\x01\xA3\x61\xFF\x61"sv)), "@4: str is not UTF-8");
  EXPECT_EQ(refusal<std::vector<std::string>>(bytes_of("\x92\x01\xA3\x61\xFF\x61"sv)),
            "@4: str is not UTF-8");
  // The byte that would complete the character belongs to the next item.
  EXPECT_EQ(refusal(bytes_of("\x92\xA1\xC2\x80"sv)), "@2: str is not UTF-8");
  EXPECT_EQ(refusal(bytes_of("\x91\xD4\x05\x90"sv)), "@2: ext type 5 is unknown");
  EXPECT_EQ(refusal(bytes_of("\x91\xD4\xFF\x90"sv)), "@2: ext type -1 is unknown");
  EXPECT_EQ(refusal(bytes_of("\x01\x02"sv)), "@1: bytes left after the end: 1");
  EXPECT_EQ(refusal(bytes_of("\xA5hell"sv)), "@1: ends in the middle of a value");
  EXPECT_EQ(refusal(bytes_of("\xD4\x01\x05"sv)), "@2: tuple holds no array");
  EXPECT_EQ(refusal(bytes_of("\xD4\x01\x80"sv)), "@2: tuple holds no array");
  EXPECT_EQ(refusal(bytes_of("\xC7\x03\x01\xD4\x01\x90"sv)), "@4: tuple holds no array");
  EXPECT_EQ(refusal(bytes_of("\xD5\x01\x90\x90"sv)), "@3: bytes left after the end: 1");
  EXPECT_EQ(refusal(bytes_of("\xD4\x01\x91"sv)), "@3: ends in the middle of a value");
  EXPECT_EQ(refusal(bytes_of("\x81\x90\x01"sv)), "@1: dict key is an unhashable list");
  EXPECT_EQ(refusal(bytes_of("\x81\xD5\x01\x91\x80\x01"sv)), "@4: dict key is an unhashable tuple");
}

TEST(MsgpackTest, TypedValuesComeBack) {
  EXPECT_EQ(decode<int>(encoded(-5)), -5);
  EXPECT_EQ(decode<double>(encoded(3.0)), 3.0);
  EXPECT_EQ(decode<std::string>(encoded("literal")), "literal");
  EXPECT_EQ(decode<std::string>(encoded(std::string(1000, 'x'))), std::string(1000, 'x'));
  EXPECT_EQ(decode<Message>(encoded(bytes_of("\0\xFF"sv))), bytes_of("\0\xFF"sv));
  const std::map<std::string, std::vector<int>> map = {{"a", {1, 2}}, {"b", {}}};
  EXPECT_EQ((decode<std::map<std::string, std::vector<int>>>(encoded(map))), map);
  const std::tuple<int, std::string, std::optional<double>> tuple = {1, "two", 3.5};
  EXPECT_EQ((decode<std::tuple<int, std::string, std::optional<double>>>(encoded(tuple))), tuple);
}

TEST(MsgpackTest, TypedValuesMayHoldObjects) {
  EXPECT_EQ(decode<std::vector<Object>>(encoded(samples())), samples());
  const Job job = decode<Job>(encoded(Job{7, "seven", Object::tuple({1, Object::tuple({"x"})})}));
  EXPECT_EQ(job.id, 7);
  EXPECT_EQ(job.name, "seven");
  EXPECT_EQ(repr(job.arguments), "(1, ('x',))");
}

TEST(MsgpackTest, TypedAndDynamicValuesAreTheSameMessages) {
  EXPECT_EQ(repr(decode(encoded(std::map<std::string, std::vector<int>>{{"a", {1, 2}}}))),
            "{'a': [1, 2]}");
  EXPECT_EQ(decode<std::vector<int>>(encoded(Object::list({1, 2, 3}))),
            (std::vector<int>{1, 2, 3}));
}

TEST(MsgpackTest, AnotherTypeThanAskedForIsRefused) {
  EXPECT_EQ(refusal<int>(encoded("x")),
            "@0: holds type 'str', which does not convert to the type asked for");
  EXPECT_EQ(refusal<std::int8_t>(encoded(300)),
            "@0: holds type 'int', which does not convert to the type asked for");
  EXPECT_EQ(refusal<unsigned>(encoded(-1)),
            "@0: holds type 'int', which does not convert to the type asked for");
  EXPECT_EQ(refusal<std::vector<int>>(encoded(Object::list({1, "x"}))),
            "@0: holds type 'list', which does not convert to the type asked for");
  EXPECT_EQ(refusal<std::vector<Object>>(bytes_of("\x91\xD4\x05\x90"sv)),
            "@0: ext type 5 is unknown");
  EXPECT_EQ(refusal<std::string>(bytes_of("\xA1x\x01"sv)), "@2: bytes left after the end: 1");
}

}  // namespace
}  // namespace ipc
