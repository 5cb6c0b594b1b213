// SPDX-License-Identifier: MIT
// Connection: one end of a pipe, as Python's multiprocessing has it, over any backend. Made by
// ipc::Pipe().
//
// Who may call: any process that has the object, thus the one that made the pipe and those forked
// afterwards, but one thread of one of them at a time for each direction; another may use the other
// direction meanwhile. Nobody else may use the object of a process while it is closed, moved or
// destroyed there.
//
// Copies: a fork gives the child an end of its own, which counts as a holder until it is closed
// there. The end is opened at its first use; a child forked after that has a copy of the open end,
// with the messages that were read ahead. So hand an end over before its first use, or fork and
// leave it to the child: what one process has read ahead, no other sees.
//
// In messages: a connection can be an item of an Object, a task's argument or all of a message;
// what is sent is its handle(), before its first use. The receiver, a process of the same user, of
// the same build and in the same network namespace, has a copy of the end then, as a fork would
// have given it. Who holds an end: the sender until it closes its own, the handle that was sent,
// the Object that was received, and the Connection made of that, each until it is gone. The
// receiver fetches the copy while it decodes, once, and waits up to 10 s for the sender, which must
// be there for that, whatever its own timeout is; what nobody fetches stays open until the sender's
// process ends, but for a message that could not be sent. Only backends made of descriptors can do
// it (Traits::sendable); shm_ring, the default, is one.
//
// Blocking: send waits while the transport is full, recv while it is empty, both for ever; poll and
// ipc::wait take a time. A large message needs a receiver at the same time, and so two ends that
// both send one wait for each other.
//
// End: recv raises EndOfFile, again and again, once all messages were read and every copy of the
// opposite end in every process is closed: whoever reads closes its own copy of the sending end
// first. A send raises BrokenPipe when every copy of the opposite end is closed. Between sockets, a
// receiver whose peer left messages unread gets what was sent to it, then ConnectionReset once,
// then EndOfFile; if its send was waiting at that moment, that raises the ConnectionReset.
//
// Limits: a message is at most the backend's maximum (MessageTooBig). A connection keeps memory for
// the largest message that it carried. Errors are in impl/driver/errors.h; after close every call
// but the questions raises HandleClosed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "impl/codec/handle.h"
#include "impl/codec/msgpack.h"
#include "impl/driver/errors.h"
#include "impl/os/timeout.h"

namespace ipc {

class SharedPipe;

class Connection {
 public:
  // One of the two sides of a pipe: what ipc::Pipe() does.
  Connection(std::shared_ptr<SharedPipe> pipe, int side, bool readable, bool writable);
  // What another process has sent; or, in the same one, another hold on the end. Throws TypeError
  // for the handle of something else, ValueError, DecodeError or Error when it is of no backend
  // that can be used here or has not what that needs, std::system_error.
  Connection(Handle handle);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  // One object, as one message. Throws ValueError, with nothing sent, when it cannot be encoded.
  template <class T>
  void send(const T& object);
  // Throws DecodeError when the message is not a T; it was taken out of the stream.
  template <class T = Object>
  T recv();

  // Sends `size` bytes from `offset`, by default all that follow it; none is a message too. Throws
  // ValueError when these are negative or reach over the end.
  void send_bytes(std::span<const std::byte> bytes, std::int64_t offset = 0,
                  std::optional<std::int64_t> size = std::nullopt);
  void send_bytes(std::string_view bytes, std::int64_t offset = 0,
                  std::optional<std::int64_t> size = std::nullopt);
  // One message. Longer than `maxlength`: it is discarded, BadMessageLength is raised, and this end
  // receives no more: a duplex end can still send, a receiving end is closed. Throws ValueError
  // when maxlength is negative.
  std::vector<std::byte> recv_bytes(std::optional<std::int64_t> maxlength = std::nullopt);
  // Stores one message at `offset` and returns its length. Too long: BufferTooShort, which has the
  // message, and the buffer is as it was. Throws ValueError, before anything is received, when
  // offset is outside of the buffer.
  std::size_t recv_bytes_into(std::span<std::byte> buffer, std::int64_t offset = 0);

  // True when a recv would not wait for a message to begin, or would raise EndOfFile. Consumes
  // nothing.
  bool poll(Timeout timeout = 0.0);

  // A hold on the end for a message; it lasts until the handle and its copies are gone. Nobody may
  // use the connection meanwhile. Throws StateError after the first use in this process,
  // InheritanceError for a backend that cannot send its ends.
  Handle handle() const;
  operator Handle() const { return handle(); }

  // Gives up this process's hold on the end. A second close does nothing. The destructor closes.
  void close();
  bool closed() const { return state_ == nullptr; }
  bool readable() const { return readable_; }
  bool writable() const { return writable_; }
  // What becomes readable when a message comes. Throws ipc::Error where the backend has no
  // descriptor. To wait for several connections use ipc::wait, which knows of messages that were
  // read ahead.
  int fileno();

 private:
  friend class WaitObject;
  struct State;

  State& check_readable() const;
  State& check_writable() const;
  std::vector<std::byte>& outgoing();    // memory for an object's encoding, of whatever content
  std::span<const std::byte> receive();  // valid until the next
  int wait_fd();                         // -1 if there is none

  std::unique_ptr<State> state_;  // none: closed
  bool readable_;
  bool writable_;
};

template <class T>
void Connection::send(const T& object) {
  encode_for([this](std::span<const std::byte> message) { send_bytes(message); }, object,
             outgoing());
}

template <class T>
T Connection::recv() {
  return decode<T>(receive());
}

}  // namespace ipc
