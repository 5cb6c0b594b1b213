// SPDX-License-Identifier: MIT
#include "impl/codec/handle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "impl/codec/msgpack.h"
#include "impl/os/resharer.h"
#include "impl/os/socket.h"

namespace ipc {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

using Bytes = std::vector<std::byte>;

const Bytes kDetail{std::byte{1}, std::byte{0}, std::byte{255}};

Handle handle_of_socket(UniqueFd& other) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  other = std::move(pair.ends[0]);
  return {"Thing", kDetail, descriptors_of(std::move(pair.ends[1]))};
}

template <class T>
Bytes encoded(const T& value) {
  Bytes message;
  encode(value, message);
  return message;
}

void expect_connected(const std::vector<UniqueFd>& fds, const UniqueFd& other) {
  ASSERT_EQ(fds.size(), 1u);
  ASSERT_EQ(write(fds[0].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(other.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(Handles, AreObjects) {
  UniqueFd other;
  const Handle handle = handle_of_socket(other);
  const Object object = Object::list({handle, 1});
  EXPECT_EQ(repr(object), "[<Thing object>, 1]");
  EXPECT_TRUE(object[0].is_handle());
  EXPECT_EQ(object[0].type_name(), "Thing");
  EXPECT_EQ(object[0].as_handle(), handle);
  EXPECT_THAT([&] { object[1].as_handle(); },
              ThrowsMessage<TypeError>("expected a handle, got int"));
  EXPECT_THROW(object[0].as_integer(), TypeError);
}

TEST(Handles, AreEqualWhenTheyAreOfTheSameThing) {
  UniqueFd other;
  UniqueFd another;
  const Object one = handle_of_socket(other);
  const Object two = handle_of_socket(another);
  EXPECT_EQ(one, Object(one));
  EXPECT_NE(one, two);
  EXPECT_NE(one, Object("Thing"));
  Object dict = Object::dict({{one, 1}, {two, 2}});
  EXPECT_EQ(dict[one], 1);
  EXPECT_EQ(dict[two], 2);
}

TEST(Handles, ComeOutOfAMessageWithTheirDescriptors) {
  UniqueFd other;
  const Handle handle = handle_of_socket(other);
  const Object got = decode<Object>(encoded(Object::dict({{"key", Object::tuple({handle})}})));
  const Handle inner = got["key"][0].as_handle();
  EXPECT_EQ(inner.type(), "Thing");
  EXPECT_TRUE(std::ranges::equal(inner.detail(), kDetail));
  EXPECT_NE(inner, handle) << "these are other descriptors of the same socket";
  expect_connected(inner.descriptors(), other);

  const auto [number, typed] = decode<std::tuple<int, Handle>>(encoded(std::tuple(5, handle)));
  EXPECT_EQ(number, 5);
  expect_connected(typed.descriptors(), other);
  EXPECT_THROW(decode<Handle>(encoded(5)), DecodeError);
  EXPECT_THROW(decode<int>(encoded(handle)), DecodeError);
}

TEST(Handles, KeepTheirDescriptorsAsLongAsThereIsACopy) {
  UniqueFd other;
  Handle handle = handle_of_socket(other);
  Handle copy = handle;
  handle = Handle();
  expect_connected(copy.descriptors(), other);
  copy = Handle();
  char byte;
  EXPECT_EQ(read(other.get(), &byte, 1), 0) << "the end is still open";
}

TEST(Handles, OfNothingAreNotSent) {
  EXPECT_TRUE(Handle().type().empty());
  EXPECT_TRUE(Handle().detail().empty());
  EXPECT_TRUE(Handle().descriptors().empty());
  Bytes message{std::byte{9}};
  EXPECT_THROW(encode(Object::list({1, Handle()}), message), ValueError);
  EXPECT_EQ(message, Bytes{std::byte{9}});
  EXPECT_THROW(Handle(std::string(256, 'x'), {}, {}), ValueError);
  EXPECT_THROW(Handle("\xff", {}, {}), ValueError);
  EXPECT_THROW(Handle("two words", {}, {}), ValueError);
  EXPECT_THROW(Handle("", {}, {}), ValueError);
  EXPECT_EQ(repr(Object(Handle())), "<handle of nothing>");
}

TEST(Handles, KeepNothingOpenForAMessageThatIsNone) {
  UniqueFd other;
  Bytes message;
  {
    const Handle handle = handle_of_socket(other);
    EXPECT_THROW(encode(Object::list({handle, Handle()}), message), ValueError);
    EXPECT_THROW(encode(std::tuple(handle, std::string("\xff")), message), ValueError);
    encode(Object::tuple({Object::dict({{"key", handle}})}), message);
    withdraw(message);
    withdraw(Bytes{std::byte{0xc1}});
  }
  char byte;
  EXPECT_EQ(read(other.get(), &byte, 1), 0) << "the end is still open";
  EXPECT_THROW(decode<Object>(message), DecodeError);
}

TEST(Handles, StayWhereTheyAreWhenAnotherTypeIsAskedFor) {
  UniqueFd other;
  const Bytes message = encoded(Object::list({handle_of_socket(other)}));
  EXPECT_THAT([&] { decode<Handle>(message); },
              ThrowsMessage<DecodeError>(HasSubstr("holds type 'list'")));
  EXPECT_THAT([&] { decode<std::string>(message); },
              ThrowsMessage<DecodeError>(HasSubstr("holds type 'list'")));
  const Bytes alone = encoded(handle_of_socket(other));
  EXPECT_THAT([&] { decode<int>(alone); },
              ThrowsMessage<DecodeError>(HasSubstr("holds type 'handle'")));
  EXPECT_EQ(decode<Handle>(alone).type(), "Thing");
  EXPECT_TRUE(decode<Object>(message)[0].is_handle());
}

TEST(Handles, WithoutDescriptorsAreFetchedFromNobody) {
  const Bytes message = encoded(Handle("Thing", kDetail, {}));
  for (int again = 0; again < 2; ++again) EXPECT_EQ(decode<Handle>(message).type(), "Thing");
}

TEST(Handles, ThatAreMalformedGiveAnError) {
  UniqueFd other;
  const Bytes good = encoded(handle_of_socket(other));
  ASSERT_EQ(decode<Handle>(good).type(), "Thing");
  EXPECT_THAT([&] { decode<Object>(good); }, ThrowsMessage<DecodeError>(HasSubstr("handle: ")))
      << "it was fetched before";
  // ext 8: its length, its type, and what a handle's message is too short for.
  for (const std::size_t length : {1u, 6u, 27u}) {
    Bytes bad{std::byte{0xc7}, static_cast<std::byte>(length), std::byte{2}, std::byte{5}};
    bad.resize(3 + length, std::byte{'a'});
    EXPECT_THAT([&] { decode<Object>(bad); }, ThrowsMessage<DecodeError>(HasSubstr("too short")))
        << length;
  }
  Bytes nobody{std::byte{0xc7}, std::byte{28}, std::byte{2}, std::byte{5}};
  nobody.resize(3 + 28, std::byte{'a'});
  EXPECT_THROW(decode<Object>(nobody), Error);
}

}  // namespace
}  // namespace ipc
