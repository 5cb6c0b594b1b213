// SPDX-License-Identifier: MIT
// zmq_router: ZeroMQ, a DEALER socket in the client for each call at a time, one ROUTER socket in
// the server. A thread of the server passes on what comes there to the threads that serve the
// connections, over a second ROUTER and DEALERs inside the process, and passes back their replies.
// Client and server meet at a socket as unix_socket's: there the server says where its ROUTER is
// and by what token it knows the connection, and each sees when the other has gone. Kernel objects:
// a socket file; a socket with an abstract name, which hears its user and root alone; on each side
// two sockets and an eventfd for each connection, two threads, their eventfds and epolls. Wait
// class: block. Source: zmq_socket(3), zmq_ipc(7). Limits: 1021 connections, fewer where the server
// cannot have four descriptors for each; both sides are in one network namespace; a child keeps
// copies of its parent's descriptors of ZeroMQ; processes of the same user need no key to fill the
// server's memory, or its descriptors, and libzmq ends a process that cannot accept for want of
// one.
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "impl/manager/authentication.h"
#include "impl/manager/stream_link.h"
#include "impl/manager/unix_listener.h"
#include "impl/os/error.h"
#include "impl/os/first_use.h"
#include "impl/os/per_process.h"
#include "impl/os/quiet_thread.h"
#include "impl/os/stream.h"
#include "impl/os/zmq_socket.h"

namespace ipc {
namespace {

using Message = ZmqSocket::Message;
// What both routers know a connection by. Whoever sends with another is not heard.
using Token = std::array<std::byte, 16>;

constexpr std::string_view kAbstract = "ipc://@";
constexpr const char* kInside = "inproc://connections";
// Messages that a socket holds of each other one. No more than two are under way, but ZeroMQ counts
// in batches of half as many; what a stranger sends beyond it waits in the kernel or is dropped.
constexpr int kUnderWay = 16;
// Descriptors that connections leave free, for libzmq to accept.
constexpr rlim_t kSpare = 64;

// What a process has of ZeroMQ for all its connections: after a fork the child makes its own.
class Local {
 public:
  static Local& here();

  // What it sends has no bound: a DEALER would not see at once that there is room again.
  std::unique_ptr<ZmqSocket> make(int type) {
    auto made = ZmqSocket::make(type, context_);
    made->set(ZMQ_RCVHWM, kUnderWay);
    made->set(ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(kLongestMessage));
    return made;
  }

  // Where this process's routers are reached from outside. The first call makes them.
  const std::string& name() {
    std::call_once(routed_, [this] { route(); });
    return name_;
  }

 private:
  void route() {
    const std::string address = ZmqSocket::unique_address();
    std::shared_ptr<ZmqSocket> inside = make(ZMQ_ROUTER);
    inside->set(ZMQ_SNDHWM, kUnderWay);
    inside->bind(kInside);
    std::shared_ptr<ZmqSocket> outside = make(ZMQ_ROUTER);
    outside->set(ZMQ_ROUTER_HANDOVER, 1);
    outside->set(ZMQ_BACKLOG, SOMAXCONN);
    // Who else could open the socket file.
    outside->set(ZMQ_IPC_FILTER_UID, geteuid());
    outside->set(ZMQ_IPC_FILTER_UID, uid_t{0});
    outside->bind(address);
    quiet_thread([inside, outside] {
      for (;;) {
        const bool came = pass_on(*outside, *inside);
        const bool went = pass_on(*inside, *outside);
        if (!came && !went) outside->wait(inside->get(ZMQ_FD), Deadline::never());
      }
    }).detach();
    name_ = address.substr(kAbstract.size());
  }

  // One message, if there is one. Its first part is the token, by which the other router knows
  // where it goes.
  static bool pass_on(ZmqSocket& from, ZmqSocket& to) {
    Message part;
    if (!from.take(part)) return false;
    to.has_message();  // sees who has connected and what was received; a send does not always
    bool more = true;
    while (more) {
      more = part.more();
      to.send(part, more ? ZMQ_SNDMORE : 0);
      if (more) from.take(part);  // the parts have come together
    }
    return true;
  }

  const std::shared_ptr<zmq::context_t> context_ = ZmqSocket::make_context();
  std::once_flag routed_;
  std::string name_;
};

// Never destroyed: there are threads that use it until the process ends.
constinit FirstUse<PerProcess<Local>> all_locals;

Local& Local::here() { return all_locals.get().get(); }

// The sides meet in the first call of each: the server tells the token, and where to, and the
// client sends an empty message, from which on its router knows the way back.
class RouterLink final : public Link {
 public:
  RouterLink(UniqueFd lifetime, detail::Role role)
      : lifetime_(std::move(lifetime)), is_server_(role == detail::Role::server) {}

  Status send(std::span<const std::byte> message) override {
    if (message.size() > kLongestMessage) return Status::too_big;
    if (Status s = meet(in_time()); s != Status::ok) return late_is_an_error(s);
    if (poll_until(lifetime_.get(), POLLRDHUP, Deadline::now()) != 0) return Status::closed;
    Message part(message.data(), message.size());
    return socket().send(part, ZMQ_DONTWAIT);
  }

  Status receive(Buffer& message) override {
    const Deadline deadline = in_time();
    if (Status s = meet(deadline); s != Status::ok) return late_is_an_error(s);
    Message part;
    if (Status s = take(part, deadline); s != Status::ok) return late_is_an_error(s);
    if (part.size() > most_) return Status::corrupt;
    message.resize(part.size());
    if (part.size() != 0) std::memcpy(message.data(), part.data(), part.size());
    return Status::ok;
  }

  void limit(std::size_t most, std::optional<std::chrono::seconds> patience) override {
    most_ = most;
    patience_ = patience;
  }
  int hang_up_fd() const override { return lifetime_.get(); }

 private:
  Deadline in_time() const { return patience_ ? Deadline::after(*patience_) : Deadline::never(); }

  static Status late_is_an_error(Status status) {
    if (status != Status::timed_out) return status;
    errno = EAGAIN;  // as of a socket with a limit
    return Status::system_error;
  }

  // This process's. In a child it is a new one, and takes over by the token.
  ZmqSocket& socket() {
    std::unique_ptr<ZmqSocket>& mine = mine_.get();
    if (!mine) {
      auto made = Local::here().make(ZMQ_DEALER);
      made->set(ZMQ_ROUTING_ID, token_);
      made->connect(address_);
      mine = std::move(made);
    }
    return *mine;
  }

  Status meet(Deadline deadline) {
    if (has_met_) return Status::ok;
    const Status met = is_server_ ? meet_client(deadline) : meet_server(deadline);
    has_met_ = met == Status::ok;
    return met;
  }

  Status meet_client(Deadline deadline) {
    expect_spare_descriptors();
    const std::string& name = Local::here().name();
    detail::fill_randomly(token_);
    token_[0] = std::byte{1};  // 0 begins the tokens that ZeroMQ gives
    address_ = kInside;
    socket();  // what is sent to it before is lost
    std::vector<std::byte> said(token_.begin(), token_.end());
    std::ranges::copy(std::as_bytes(std::span(name)), std::back_inserter(said));
    // The connection is new, and has room for it.
    if (::send(lifetime_.get(), said.data(), said.size(), MSG_NOSIGNAL) < 0) {
      return stream_failure();
    }
    Message first;
    if (Status s = take(first, deadline); s != Status::ok) return s;
    return first.size() != 0 ? Status::corrupt : Status::ok;
  }

  Status meet_server(Deadline deadline) {
    const int reported = poll_until(lifetime_.get(), POLLIN, deadline);
    if (reported <= 0) return reported == 0 ? Status::timed_out : Status::system_error;
    std::array<std::byte, 256> said;
    const ssize_t got = read(lifetime_.get(), said.data(), said.size());
    if (got < 0) return stream_failure();
    if (got == 0) return Status::closed;
    const std::span all = std::span(said).first(static_cast<std::size_t>(got));
    if (all.size() <= token_.size()) return Status::corrupt;
    std::ranges::copy(all.first(token_.size()), token_.begin());
    const std::span name = all.subspan(token_.size());
    address_ = kAbstract;
    address_.append(reinterpret_cast<const char*>(name.data()), name.size());
    Message first;
    return socket().send(first, ZMQ_DONTWAIT);
  }

  void expect_spare_descriptors() const {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("RLIMIT_NOFILE");
    // The kernel gives the lowest that is free.
    if (static_cast<rlim_t>(lifetime_.get()) + kSpare < limit.rlim_cur) return;
    errno = EMFILE;
    throw_errno("one connection more");
  }

  // closed: the other side has gone, and nothing of it is there.
  Status take(Message& part, Deadline deadline) {
    ZmqSocket& from = socket();
    for (bool has_gone = false; !from.take(part);) {
      if (has_gone) return Status::closed;
      has_gone = from.wait(lifetime_.get(), deadline);
      if (!has_gone && deadline.passed()) return Status::timed_out;
    }
    return Status::ok;
  }

  const UniqueFd lifetime_;
  const bool is_server_;
  bool has_met_ = false;
  Token token_{};
  std::string address_;
  PerProcess<std::unique_ptr<ZmqSocket>> mine_;
  std::size_t most_ = kLongestMessage;
  std::optional<std::chrono::seconds> patience_;
};

Traits traits() {
  Traits traits = stream_link_traits(
      "ZeroMQ: a DEALER and a server thread for each call at a time, one ROUTER for all",
      "zmq_socket(3), zmq_ipc(7)");
  traits.leftovers = "a socket in a directory of its own, until the next manager starts";
  traits.needs = ZmqSocket::kNeeds;
  return traits;
}

const RegisterManager<UnixChannel<RouterLink>> registered("zmq_router", traits());

}  // namespace
}  // namespace ipc
