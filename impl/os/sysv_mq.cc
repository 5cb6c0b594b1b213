// SPDX-License-Identifier: MIT
#include "impl/os/sysv_mq.h"

#include <sys/ipc.h>
#include <sys/msg.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "impl/os/error.h"
#include "impl/os/kernel_limit.h"
#include "impl/os/naps.h"

namespace ipc {
namespace {

constexpr const char* kMsgmax = "/proc/sys/kernel/msgmax";
constexpr const char* kMsgmnb = "/proc/sys/kernel/msgmnb";
constexpr std::size_t kUsualMsgmax = 8192;

// A message begins with its type, which must be positive.
using Type = long;
constexpr Type kMessage = 1;
constexpr Type kEndMark = 2;

Status failure() {
  switch (errno) {
    case EAGAIN:
    case ENOMSG:
      return Status::timed_out;
    case EIDRM:
    case EINVAL:
      return Status::closed;
    default:
      return Status::system_error;
  }
}

// Makes a call, msgsnd or msgrcv, that gets its flags from here.
template <class Call>
Status wait_in(Deadline deadline, const Call& call) {
  const auto look = [&call](int flags) {
    while (call(flags) < 0) {
      if (errno != EINTR) return failure();
    }
    return Status::ok;
  };
  if (deadline.is_never()) return look(0);
  return nap_until(deadline, [&look] { return look(IPC_NOWAIT); });
}

}  // namespace

SysvMq::SysvMq(std::size_t capacity_bytes, std::size_t)
    : max_message_(max_message()), holders_(SysvHolders::Kind::queue) {
  queue_ = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  if (queue_ < 0) throw_errno("msgget (limit: /proc/sys/kernel/msgmni)");
  holders_.keep(queue_);
  set_capacity(std::max(capacity_bytes, max_message_));
}

void SysvMq::set_capacity(std::size_t capacity_bytes) {
  msqid_ds state;
  if (msgctl(queue_, IPC_STAT, &state) != 0) throw_errno("msgctl IPC_STAT");
  const std::size_t granted = state.msg_qbytes;  // kernel.msgmnb
  state.msg_qbytes = capacity_bytes;
  if (msgctl(queue_, IPC_SET, &state) != 0) {
    if (errno != EPERM) throw_errno("msg_qbytes of " + std::to_string(capacity_bytes));
    capacity_bytes = granted;  // only CAP_SYS_RESOURCE may have more
  }
  capacity_bytes_ = capacity_bytes;
}

std::size_t SysvMq::max_message() {
  return std::min(kernel_limit(kMsgmax).value_or(kUsualMsgmax),
                  kernel_limit(kMsgmnb).value_or(kUsualMsgmax));
}

std::optional<std::string> SysvMq::why_unavailable() {
  if (kernel_limit(kMsgmax)) return std::nullopt;
  return "this kernel has no System V message queues (no " + std::string(kMsgmax) + ")";
}

Status SysvMq::send(std::span<const std::byte> message, Deadline deadline) {
  if (message.size() > max_message_) return Status::too_big;
  thread_local Buffer letter;
  letter.resize(sizeof(Type) + message.size());
  std::memcpy(letter.data(), &kMessage, sizeof(Type));
  if (!message.empty()) std::memcpy(letter.data() + sizeof(Type), message.data(), message.size());
  return wait_in(deadline,
                 [&](int flags) { return msgsnd(queue_, letter.data(), message.size(), flags); });
}

Status SysvMq::receive(Buffer& message, Deadline deadline) {
  message.resize(sizeof(Type) + max_message_);
  ssize_t size = 0;
  const Status status = wait_in(deadline, [&](int flags) {
    return size = msgrcv(queue_, message.data(), max_message_, 0, flags);
  });
  if (status != Status::ok) return status;
  Type type;
  std::memcpy(&type, message.data(), sizeof type);
  if (type == kEndMark) {
    mark_end();  // for the next to ask
    return Status::closed;
  }
  std::memmove(message.data(), message.data() + sizeof(Type), static_cast<std::size_t>(size));
  message.resize(static_cast<std::size_t>(size));
  return Status::ok;
}

Status SysvMq::ready(Deadline deadline) const {
  return nap_until(deadline, [this] {
    msqid_ds state;
    if (msgctl(queue_, IPC_STAT, &state) != 0) return Status::ok;  // removed: receive will say so
    return state.msg_qnum != 0 ? Status::ok : Status::timed_out;
  });
}

bool SysvMq::mark_end() {
  while (msgsnd(queue_, &kEndMark, 0, IPC_NOWAIT) != 0) {
    if (errno != EINTR) return errno == EIDRM || errno == EINVAL;  // removed: that is told as well
  }
  return true;
}

void SysvMq::release_senders() { holders_.remove(); }

}  // namespace ipc
