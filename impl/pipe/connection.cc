// SPDX-License-Identifier: MIT
#include "impl/pipe/connection.h"

#include <algorithm>
#include <mutex>
#include <tuple>
#include <utility>

#include "impl/pipe/shared_pipe.h"

namespace ipc {
namespace {

constexpr const char* kHandleType = "Connection";

// Of a handle: the backend, the side, whether the pipe is duplex, its capacity in bytes.
using Detail = std::tuple<std::string, int, bool, std::size_t>;

[[noreturn]] void throw_not_sendable(const std::string& backend) {
  std::string others;
  for (const auto& [name, entry] : PipeRegistry::entries()) {
    if (entry.traits.sendable) others += (others.empty() ? "" : ", ") + name;
  }
  throw InheritanceError("Connections over " + backend +
                         " should only be shared between processes through inheritance; those "
                         "that can be sent are over " +
                         others);
}

}  // namespace

struct Connection::State {
  State(std::shared_ptr<SharedPipe> a_pipe, int a_side) : pipe(std::move(a_pipe)), side(a_side) {}
  ~State() {
    if (!opened_endpoint) pipe->drop(side);
  }

  AnyEndpoint& endpoint() {
    // The two threads of the two directions may be first at the same time.
    std::call_once(opening, [this] { opened_endpoint = pipe->open(side); });
    return *opened_endpoint;
  }

  const std::shared_ptr<SharedPipe> pipe;  // outlives the endpoint
  const int side;
  std::once_flag opening;
  std::unique_ptr<AnyEndpoint> opened_endpoint;
  Buffer incoming;
  std::vector<std::byte> outgoing;
};

Connection::Connection(std::shared_ptr<SharedPipe> pipe, int side, bool readable, bool writable)
    : state_(std::make_unique<State>(std::move(pipe), side)),
      readable_(readable),
      writable_(writable) {}
Connection::Connection(Handle handle) : readable_(false), writable_(false) {
  // Or the end is held until the call is over whose argument this becomes: a parameter lives so
  // long.
  const Handle given = std::move(handle);
  if (given.type() != kHandleType) {
    throw TypeError("expected a Connection, got a handle of '" + std::string(given.type()) + "'");
  }
  const auto [backend, side, duplex, capacity] = decode<Detail>(given.detail());
  if (side != 0 && side != 1) throw DecodeError(0, "a pipe has no side " + std::to_string(side));
  const PipeEntry& entry = PipeRegistry::get(backend);
  require_usable(entry.kFamily, entry.name, entry.traits);
  if (!entry.receive) throw_not_sendable(entry.name);
  SentSide sent(side, duplex, capacity, given.descriptors());
  readable_ = sent.receives();
  writable_ = sent.sends();
  const auto pipe = std::make_shared<SharedPipe>(entry.name, entry.receive(std::move(sent)));
  state_ = std::make_unique<State>(pipe, side);
}
Connection::Connection(Connection&& other) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept = default;
Connection::~Connection() = default;

Connection::State& Connection::check_readable() const {
  if (!state_) throw HandleClosed();
  if (!readable_) throw WrongDirection("connection is write-only");
  return *state_;
}

Connection::State& Connection::check_writable() const {
  if (!state_) throw HandleClosed();
  if (!writable_) throw WrongDirection("connection is read-only");
  return *state_;
}

std::vector<std::byte>& Connection::outgoing() { return check_writable().outgoing; }

void Connection::send_bytes(std::span<const std::byte> bytes, std::int64_t offset,
                            std::optional<std::int64_t> size) {
  State& state = check_writable();
  const auto length = static_cast<std::int64_t>(bytes.size());
  if (offset < 0) throw ValueError("offset is negative");
  if (offset > length) throw ValueError("buffer length < offset");
  if (size && *size < 0) throw ValueError("size is negative");
  if (size && *size > length - offset) throw ValueError("buffer length < offset + size");
  const std::span<const std::byte> message = bytes.subspan(
      static_cast<std::size_t>(offset), static_cast<std::size_t>(size.value_or(length - offset)));
  Status status = state.endpoint().send(message);
  // A socket says first that its receiver left messages unread; to who only sends, it is gone.
  if (status == Status::peer_died && !readable_) status = Status::closed;
  if (status != Status::ok) throw_status(status, Direction::send, state.pipe->backend());
}

void Connection::send_bytes(std::string_view bytes, std::int64_t offset,
                            std::optional<std::int64_t> size) {
  send_bytes(std::as_bytes(std::span(bytes)), offset, size);
}

std::span<const std::byte> Connection::receive() {
  State& state = check_readable();
  const Status status = state.endpoint().receive(state.incoming);
  if (status != Status::ok) throw_status(status, Direction::receive, state.pipe->backend());
  return state.incoming.bytes();
}

std::vector<std::byte> Connection::recv_bytes(std::optional<std::int64_t> maxlength) {
  check_readable();
  if (maxlength && *maxlength < 0) throw ValueError("negative maxlength");
  const std::span<const std::byte> message = receive();
  if (maxlength && message.size() > static_cast<std::uint64_t>(*maxlength)) {
    const BadMessageLength error("bad message length: " + std::to_string(message.size()) +
                                 " bytes, at most " + std::to_string(*maxlength) + " were wanted");
    readable_ = false;
    if (!writable_) close();
    throw error;
  }
  return {message.begin(), message.end()};
}

std::size_t Connection::recv_bytes_into(std::span<std::byte> buffer, std::int64_t offset) {
  check_readable();
  if (offset < 0) throw ValueError("negative offset");
  if (static_cast<std::uint64_t>(offset) > buffer.size()) throw ValueError("offset too large");
  const std::span<std::byte> room = buffer.subspan(static_cast<std::size_t>(offset));
  const std::span<const std::byte> message = receive();
  if (message.size() > room.size()) throw BufferTooShort({message.begin(), message.end()});
  std::copy(message.begin(), message.end(), room.begin());
  return message.size();
}

bool Connection::poll(Timeout timeout) {
  State& state = check_readable();
  const Status status = state.endpoint().ready(deadline_of(timeout));
  if (status == Status::ok) return true;
  if (status == Status::timed_out) return false;
  throw_status(status, Direction::receive, state.pipe->backend());
}

Handle Connection::handle() const {
  if (!state_) throw HandleClosed();
  SharedPipe& pipe = *state_->pipe;
  if (!PipeRegistry::get(pipe.backend()).traits.sendable) throw_not_sendable(pipe.backend());
  if (state_->opened_endpoint) {
    throw StateError(
        "this connection was used here, and may have read ahead: send it before its first use");
  }
  std::vector<std::byte> detail;
  encode(Detail(pipe.backend(), state_->side, readable_ && writable_, pipe.capacity_bytes()),
         detail);
  return {kHandleType, std::move(detail), pipe.duplicates(state_->side)};
}

void Connection::close() { state_.reset(); }

int Connection::wait_fd() {
  if (!state_) throw HandleClosed();
  return state_->endpoint().wait_fd();
}

int Connection::fileno() {
  const int fd = wait_fd();
  if (fd < 0) throw Error(state_->pipe->backend() + ": this backend has no descriptor to wait for");
  return fd;
}

}  // namespace ipc
