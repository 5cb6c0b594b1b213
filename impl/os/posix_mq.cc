// SPDX-License-Identifier: MIT
#include "impl/os/posix_mq.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "impl/os/error.h"
#include "impl/os/kernel_limit.h"
#include "impl/os/unique_name.h"

namespace ipc {
namespace {

constexpr const char* kMsgMax = "/proc/sys/fs/mqueue/msg_max";
constexpr const char* kMsgsizeMax = "/proc/sys/fs/mqueue/msgsize_max";
constexpr std::size_t kUnknownMessage = 8192;  // bytes; what msgsize_max is unless somebody sets it

// A queue is read in order of priority.
constexpr unsigned kMessage = 1;
constexpr unsigned kEndMark = 0;

// As a deadline of the calls: do what can be done at once. In the past on any clock.
constexpr timespec kAtOnce{0, 0};

// What one queue may take of RLIMIT_MSGQUEUE, which counts all queues of a user.
std::size_t quota() {
  rlimit limit;
  if (getrlimit(RLIMIT_MSGQUEUE, &limit) != 0) throw_errno("RLIMIT_MSGQUEUE");
  return limit.rlim_cur / 2;  // a pipe has two
}

// What a message takes of it: getrlimit(2) says which structures the kernel adds, 96 bytes on
// x86-64.
std::size_t charge(std::size_t message_bytes) { return message_bytes + 128; }

UniqueFd open_nameless(std::size_t messages, std::size_t message_bytes) {
  mq_attr attributes{};
  attributes.mq_maxmsg = static_cast<long>(messages);
  attributes.mq_msgsize = static_cast<long>(message_bytes);
  const std::string name = unique_name();
  UniqueFd queue(mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes));
  if (!queue) {
    throw_errno("mq_open of " + std::to_string(messages) + " messages of " +
                std::to_string(message_bytes) +
                " bytes (limits: /proc/sys/fs/mqueue, RLIMIT_MSGQUEUE)");
  }
  mq_unlink(name.c_str());
  return queue;
}

}  // namespace

PosixMq::PosixMq(std::size_t capacity_bytes, std::size_t message_bytes)
    : message_bytes_(message_bytes != 0 ? message_bytes : unsized_message()) {
  messages_ = std::min({capacity_bytes / message_bytes_, kernel_limit(kMsgMax).value_or(1),
                        quota() / charge(message_bytes_)});
  messages_ = std::max<std::size_t>(messages_, 1);
  queue_ = open_nameless(messages_, message_bytes_);
}

std::size_t PosixMq::max_message() {
  const std::size_t limit = quota() - std::min(quota(), charge(0));
  return std::max<std::size_t>(
      1, std::min(kernel_limit(kMsgsizeMax).value_or(kUnknownMessage), limit));
}

std::size_t PosixMq::unsized_message() { return std::min(kUnknownMessage, max_message()); }

std::optional<std::string> PosixMq::why_unavailable() {
  if (kernel_limit(kMsgMax)) return std::nullopt;
  return "this kernel has no POSIX message queues (no " + std::string(kMsgMax) + ")";
}

Status PosixMq::send(std::span<const std::byte> message, Deadline deadline) {
  // An empty span may have no address, which the calls want all the same.
  const char* data = message.empty() ? "" : reinterpret_cast<const char*>(message.data());
  for (;;) {
    const int result = deadline.is_never()
                           ? mq_send(queue_.get(), data, message.size(), kMessage)
                           : mq_timedsend(queue_.get(), data, message.size(), kMessage, &kAtOnce);
    if (result == 0) return Status::ok;
    if (errno == EMSGSIZE) return Status::too_big;
    if (errno == ETIMEDOUT) {
      const int events = poll_until(queue_.get(), POLLOUT, deadline);
      if (events == 0) return Status::timed_out;
      if (events < 0) return Status::system_error;
    } else if (errno != EINTR) {
      return Status::system_error;
    }
  }
}

Status PosixMq::receive(Buffer& message, Deadline deadline) {
  message.resize(message_bytes_);
  auto* data = reinterpret_cast<char*>(message.data());
  for (;;) {
    unsigned priority;
    const ssize_t size =
        deadline.is_never()
            ? mq_receive(queue_.get(), data, message_bytes_, &priority)
            : mq_timedreceive(queue_.get(), data, message_bytes_, &priority, &kAtOnce);
    if (size >= 0) {
      message.resize(static_cast<std::size_t>(size));
      if (priority == kMessage) return Status::ok;
      mark_end();  // for the next to ask
      return Status::closed;
    }
    if (errno == ETIMEDOUT) {
      if (Status s = ready(deadline); s != Status::ok) return s;
    } else if (errno != EINTR) {
      return Status::system_error;
    }
  }
}

Status PosixMq::ready(Deadline deadline) const {
  const int events = poll_until(queue_.get(), POLLIN, deadline);
  if (events > 0) return Status::ok;
  return events == 0 ? Status::timed_out : Status::system_error;
}

bool PosixMq::mark_end() {
  while (mq_timedsend(queue_.get(), "", 0, kEndMark, &kAtOnce) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

void PosixMq::release_senders() {
  Buffer unread;
  while (receive(unread, Deadline::now()) == Status::ok) {
  }
}

}  // namespace ipc
