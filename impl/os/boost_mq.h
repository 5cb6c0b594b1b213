// SPDX-License-Identifier: MIT
// A boost::interprocess::message_queue that has lost its name: what the pipe and the queue called
// boost_mq have in common. A header only, as the library need not be there.
//
// Constructed before the processes that use it, which inherit its shared memory. Any thread of any
// process may call. Its lock is not robust and its condition variables are pthread's: whoever is
// killed inside a call may leave the others hanging, also those with a deadline.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "impl/os/boost_time.h"
#include "impl/os/buffer.h"
#include "impl/os/error.h"
#include "impl/os/naps.h"
#include "impl/os/status.h"
#include "impl/os/unique_fd.h"
#include "impl/os/unique_name.h"

namespace ipc {

class BoostMq {
  using Queue = boost::interprocess::message_queue;

 public:
  static constexpr std::size_t kMaxMessage = 0x7fffffff;
  static constexpr std::size_t kUnknownMessage = 4096;

  // For as many messages of message_bytes as fit capacity_bytes, but one at least; when their size
  // is not known, 1024 of kUnknownMessage. Throws std::system_error.
  BoostMq(std::size_t capacity_bytes, std::size_t message_bytes)
      : message_bytes_(message_bytes != 0 ? message_bytes : kUnknownMessage),
        messages_(message_bytes != 0 ? std::max<std::size_t>(1, capacity_bytes / message_bytes)
                                     : 1024) {
    const std::string name = unique_name();
    const std::string what = "message_queue of " + std::to_string(messages_) + " messages of " +
                             std::to_string(message_bytes_) + " bytes";
    try {
      queue_.emplace(boost::interprocess::create_only, name.c_str(), messages_, message_bytes_);
    } catch (const boost::interprocess::interprocess_exception& error) {
      Queue::remove(name.c_str());  // it may have got that far
      errno = error.get_native_error();
      throw_errno(what);
    }
    // Boost takes the memory as it comes, a full /dev/shm would be a SIGBUS.
    const UniqueFd memory(shm_open(name.c_str(), O_RDWR | O_CLOEXEC, 0));
    Queue::remove(name.c_str());
    struct stat state;
    if (!memory || fstat(memory.get(), &state) != 0) throw_errno("shm_open " + name);
    errno = posix_fallocate(memory.get(), 0, state.st_size);
    if (errno != 0) throw_errno("memory for a " + what);
  }

  Status send(std::span<const std::byte> message, Deadline deadline) {
    if (message.size() > message_bytes_) return Status::too_big;
    // An empty span may have no address, which memcpy wants all the same.
    const void* const data = message.empty() ? "" : static_cast<const void*>(message.data());
    return wait(
        deadline, [&] { queue_->send(data, message.size(), kMessage); },
        [&] { return queue_->try_send(data, message.size(), kMessage); },
        [&](auto until) { return queue_->timed_send(data, message.size(), kMessage, until); });
  }

  // closed: the end mark is next, and stays.
  Status receive(Buffer& message, Deadline deadline) {
    message.resize(message_bytes_);
    std::size_t size = 0;
    unsigned priority = kMessage;
    const Status status = wait(
        deadline, [&] { queue_->receive(message.data(), message_bytes_, size, priority); },
        [&] { return queue_->try_receive(message.data(), message_bytes_, size, priority); },
        [&](auto until) {
          return queue_->timed_receive(message.data(), message_bytes_, size, priority, until);
        });
    if (status != Status::ok) return status;
    message.resize(size);
    if (priority == kMessage) return Status::ok;
    mark_end();  // for the next to ask
    return Status::closed;
  }

  // Looks again after naps: who waited for a message without taking it would keep the wake-up from
  // somebody else.
  Status ready(Deadline deadline) const {
    return nap_until(
        deadline, [this] { return queue_->get_num_msg() != 0 ? Status::ok : Status::timed_out; });
  }
  std::size_t capacity_bytes() const { return messages_ * message_bytes_; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(queue_->get_num_msg()); }

  // Puts the end mark behind all messages. False when the queue is full.
  bool mark_end() { return queue_->try_send("", 0, kEndMark); }
  // Makes room for senders that wait although nobody is left to receive.
  void release_senders() {
    Buffer unread;
    while (receive(unread, Deadline::now()) == Status::ok) {
    }
  }

 private:
  // A queue is read in order of priority.
  static constexpr unsigned kMessage = 1;
  static constexpr unsigned kEndMark = 0;

  // Makes the call that fits the deadline.
  template <class Call, class TryCall, class TimedCall>
  static Status wait(Deadline deadline, const Call& call, const TryCall& try_call,
                     const TimedCall& timed_call) {
    if (deadline.is_never()) {
      call();
      return Status::ok;
    }
    while (!deadline.passed()) {
      if (timed_call(wall_clock(deadline))) return Status::ok;
    }
    return try_call() ? Status::ok : Status::timed_out;
  }

  std::size_t message_bytes_;
  std::size_t messages_;
  std::optional<Queue> queue_;  // always there
};

}  // namespace ipc
