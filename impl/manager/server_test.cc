// SPDX-License-Identifier: MIT
// A server with its clients in one process: what it does when one of them does not take its reply,
// goes while it waits, or leaves its session with others. No case forks.
#include "impl/manager/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <thread>

#include "impl/codec/encoding.h"
#include "impl/manager/authentication.h"
#include "impl/manager/containers.h"
#include "impl/manager/errors.h"
#include "impl/manager/locks.h"
#include "impl/manager/rendezvous.h"
#include "impl/manager/stream_link.h"
#include "impl/os/socket.h"
#include "impl/queue/queue_core.h"

namespace ipc::detail {
namespace {

constexpr const char* kKey = "key";

class ManagerServer : public testing::Test {
 protected:
  ManagerServer()
      : server_({"unix_socket", "/nowhere"}, kKey,
                {{"Queue", make_queue},
                 {"Lock", make_lock},
                 {"Semaphore", make_semaphore},
                 {"list", make_list},
                 {"dict", make_dict}},
                -1) {}

  // A connection of its own session, or of another's.
  class Client {
   public:
    Client(Server& server, const Hello& hello) {
      SocketPair pair = make_socket_pair(SOCK_STREAM);
      fd_ = pair.ends[0].get();
      serving_ = std::thread([&server, end = std::make_shared<UniqueFd>(std::move(pair.ends[1]))] {
        StreamLink link(std::move(*end));
        server.serve(link);
      });
      link_.emplace(std::move(pair.ends[0]));
      EXPECT_TRUE(authenticate(*link_, kKey, Role::client));
      Bytes message;
      append_hello(hello, message);
      EXPECT_EQ(link_->send(message), Status::ok);
      Buffer reply;
      EXPECT_EQ(link_->receive(reply), Status::ok);
      session = parse_session(reply.bytes()).value();
    }
    ~Client() { leave(); }

    void ask(std::uint64_t object, std::string_view operation, Object::List arguments = {},
             Deadline deadline = Deadline::never()) {
      Bytes message;
      append_request({object, 0, deadline, operation, {}}, Object::list(std::move(arguments)),
                     message);
      EXPECT_EQ(link_->send(message), Status::ok);
    }
    Object answer() {
      Buffer reply;
      EXPECT_EQ(link_->receive(reply), Status::ok);
      return value_of(reply.bytes());
    }
    Object call(std::uint64_t object, std::string_view operation, Object::List arguments = {},
                Deadline deadline = Deadline::never()) {
      ask(object, operation, std::move(arguments), deadline);
      return answer();
    }
    std::uint64_t create(std::string_view type) {
      const Object made = call(kServer, "create", {type, Object::list()});
      return decode(made.as_handle().detail())[3].as_unsigned();
    }
    void receive_no_more() { shutdown(fd_, SHUT_RD); }
    // Until the server has noticed it.
    void leave() {
      link_.reset();
      if (serving_.joinable()) serving_.join();
    }

    std::uint64_t session = 0;

   private:
    int fd_;
    std::optional<StreamLink> link_;
    std::thread serving_;
  };

  // What a client calls that goes before it has the answer, and what it holds.
  void call_and_go(std::initializer_list<std::uint64_t> objects, std::uint64_t object,
                   std::string_view operation, Object::List arguments) {
    Client dying(server_, {});
    for (const std::uint64_t each : objects) dying.call(kServer, "refer", {each});
    dying.receive_no_more();
    dying.ask(object, operation, std::move(arguments));
    dying.leave();
  }
  void call_and_go(std::uint64_t object, std::string_view operation, Object::List arguments = {}) {
    call_and_go({object}, object, operation, std::move(arguments));
  }
  static Object call_of(std::uint64_t object, Object operation) {  // in a batch
    return Object::list({object, std::move(operation), Object::list()});
  }

  Server server_;
};

TEST_F(ManagerServer, AnItemThatAClientDidNotGetIsTheFirstAgain) {
  Client keeper(server_, {});
  const std::uint64_t queue = keeper.create("Queue");
  keeper.call(queue, "put", {"first"});
  keeper.call(queue, "put", {"second"});
  call_and_go(queue, "get");
  EXPECT_EQ(keeper.call(queue, "get", {}, Deadline::now()), Object("first"));
  EXPECT_EQ(keeper.call(queue, "get", {}, Deadline::now()), Object("second"));
}

TEST_F(ManagerServer, WhatAClientDidNotGetOfAListIsWhereItWas) {
  Client keeper(server_, {});
  const std::uint64_t items = keeper.create("list");
  keeper.call(items, "extend", {Object::list({1, 2, 3})});
  for (const Object::List& arguments : {Object::List{}, {0}, {1}, {-1}, {-2}, {-3}, {7}}) {
    call_and_go(items, "pop", arguments);
    EXPECT_EQ(keeper.call(items, "str"), Object("[1, 2, 3]"));
  }
}

TEST_F(ManagerServer, WhatAClientDidNotGetOfABatchIsWhereItWas) {
  Client keeper(server_, {});
  const std::uint64_t items = keeper.create("list");
  const std::uint64_t queue = keeper.create("Queue");
  keeper.call(items, "extend", {Object::list({1, 2, 3})});
  keeper.call(queue, "put", {"first"});
  call_and_go({items, queue}, kServer, kTogether,
              {call_of(items, "pop"), call_of(items, "pop"), call_of(items, "nonsense"),
               call_of(queue, "get")});
  EXPECT_EQ(keeper.call(items, "str"), Object("[1, 2, 3]"));
  EXPECT_EQ(keeper.call(queue, "get", {}, Deadline::now()), Object("first"));
}

TEST_F(ManagerServer, ABatchGivesNothingBackTwice) {
  Client keeper(server_, {});
  const std::uint64_t semaphore = keeper.create("Semaphore");
  const std::uint64_t queue = keeper.create("Queue");
  keeper.call(queue, "put", {"done"});
  call_and_go({semaphore, queue}, kServer, kTogether,
              {call_of(semaphore, "acquire"), call_of(semaphore, "release"), call_of(queue, "get"),
               call_of(queue, "task_done")});
  EXPECT_EQ(keeper.call(semaphore, "acquire", {}, Deadline::now()), Object(true));
  EXPECT_EQ(keeper.call(semaphore, "acquire", {}, Deadline::now()), Object(false));
  EXPECT_EQ(keeper.call(queue, "qsize"), Object(0));
  EXPECT_TRUE(keeper.call(queue, "join", {}, Deadline::now()).is_none());
}

TEST_F(ManagerServer, ABatchWhoseClientGoesWhileItWaitsTakesNothing) {
  Client keeper(server_, {});
  const std::uint64_t items = keeper.create("list");
  const std::uint64_t queue = keeper.create("Queue");
  keeper.call(items, "append", {1});
  Client dying(server_, {});
  for (const std::uint64_t each : {items, queue}) dying.call(kServer, "refer", {each});
  dying.ask(kServer, kTogether, {call_of(items, "pop"), call_of(queue, "get")});
  while (keeper.call(items, "length") != Object(0)) std::this_thread::yield();
  dying.leave();
  EXPECT_EQ(keeper.call(items, "str"), Object("[1]"));
}

TEST_F(ManagerServer, ABatchOfWhatAreNoCallsIsAnError) {
  Client client(server_, {});
  const std::uint64_t items = client.create("list");
  for (const Object& nonsense :
       {Object(1), Object::list(), Object::list({items, "length"}),
        Object::list({"x", "length", Object::list()}), Object::list({items, 5, Object::list()}),
        Object::list({items, "length", 5})}) {
    EXPECT_THROW(client.call(kServer, kTogether, {nonsense}), Error) << nonsense;
  }
  for (const std::uint64_t object : {kServer, ~items}) {  // no batch in a batch either
    const Object replies = client.call(
        kServer, kTogether, {Object::list({object, kTogether, Object::list({Object::list()})})});
    EXPECT_EQ(replies[0][0], Object("RemoteError"));
  }
  EXPECT_EQ(client.call(items, "length"), Object(0)) << "the connection is in step";
}

TEST_F(ManagerServer, WhatAClientDidNotGetOfADictIsWhereItWas) {
  Client keeper(server_, {});
  const std::uint64_t dict = keeper.create("dict");
  keeper.call(dict, "update", {Object::dict({{"a", 1}, {"b", 2}, {"c", 3}})});
  for (const Object::List& arguments :
       {Object::List{"a"}, {"b"}, {"c", 0}, {"missing"}, {"missing", 0}}) {
    call_and_go(dict, "pop", arguments);
    EXPECT_EQ(keeper.call(dict, "str"), Object("{'a': 1, 'b': 2, 'c': 3}"));
  }
  call_and_go(dict, "popitem");
  EXPECT_EQ(keeper.call(dict, "str"), Object("{'a': 1, 'b': 2, 'c': 3}"));
}

TEST_F(ManagerServer, AClientThatGoesWhileItWaitsTakesNothing) {
  Client keeper(server_, {});
  const std::uint64_t queue = keeper.create("Queue");
  Client dying(server_, {});
  dying.call(kServer, "refer", {queue});
  dying.ask(queue, "get");
  dying.leave();
  keeper.call(queue, "put", {1});
  EXPECT_EQ(keeper.call(queue, "get", {}, Deadline::now()), Object(1));
  EXPECT_THROW(keeper.call(queue, "get", {}, Deadline::now()), Empty);
}

TEST_F(ManagerServer, ASessionLastsAsLongAsOneOfItsConnections) {
  Client keeper(server_, {});
  const std::uint64_t lock = keeper.create("Lock");
  Client first(server_, {});
  first.call(kServer, "refer", {lock});
  Client next(server_, {Hello::Kind::next, first.session});
  EXPECT_EQ(next.session, first.session);
  EXPECT_EQ(next.call(lock, "acquire"), Object(true)) << "what one holds, the other does";
  next.leave();
  EXPECT_EQ(keeper.call(lock, "acquire", {}, Deadline::now()), Object(false));
  first.leave();
  EXPECT_EQ(keeper.call(lock, "acquire", {}, Deadline::now()), Object(true));
}

TEST_F(ManagerServer, AnHeirHoldsTheSameReferencesAndNoLocks) {
  std::optional<Client> parent(std::in_place, server_, Hello{});
  const std::uint64_t lock = parent->create("Lock");
  parent->call(lock, "acquire");
  Client child(server_, {Hello::Kind::heir, parent->session});
  EXPECT_NE(child.session, parent->session);
  EXPECT_EQ(child.call(lock, "acquire", {}, Deadline::now()), Object(false));
  parent->leave();
  EXPECT_EQ(child.call(lock, "acquire", {}, Deadline::now()), Object(true));
  EXPECT_EQ(child.call(kServer, "number_of_objects"), Object(1));
  child.call(kServer, "release", {lock});
  EXPECT_EQ(child.call(kServer, "number_of_objects"), Object(0));
  EXPECT_THROW(child.call(lock, "acquire"), RemoteError);
}

TEST_F(ManagerServer, ThereIsNoSessionThatNobodyBegan) {
  for (const auto kind : {Hello::Kind::next, Hello::Kind::heir}) {
    EXPECT_EQ(Client(server_, {kind, 12345}).session, 0u);
  }
}

TEST_F(ManagerServer, AReferenceIsReleasedAsOftenAsItWasCounted) {
  Client client(server_, {});
  const std::uint64_t queue = client.create("Queue");
  client.call(kServer, "refer", {queue});
  client.call(kServer, "release", {queue});
  EXPECT_EQ(client.call(queue, "qsize"), Object(0));
  client.call(kServer, "release", {queue});
  client.call(kServer, "release", {queue});
  EXPECT_THROW(client.call(queue, "qsize"), RemoteError);
  EXPECT_THROW(client.call(kServer, "refer", {queue}), RemoteError);
  EXPECT_THROW(client.call(kServer, "refer", {}), TypeError);
  EXPECT_THROW(client.call(kServer, "create", {"Queue", 1}), RemoteError);
}

}  // namespace
}  // namespace ipc::detail
