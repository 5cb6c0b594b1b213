// SPDX-License-Identifier: MIT
#include "impl/manager/referent.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "impl/manager/server.h"

namespace ipc {

std::shared_ptr<Referent> Arguments::referent(std::size_t number) const {
  const Object& object = all_[number];
  const auto held = object.is_handle()
                        ? std::dynamic_pointer_cast<const detail::Entry>(object.as_handle().hold())
                        : nullptr;
  if (!held) {
    throw TypeError("expected a proxy of this manager, got " + std::string(object.type_name()));
  }
  return held->referent;
}

void Arguments::require_count(std::size_t least, std::size_t most,
                              std::string_view operation) const {
  if (size() >= least && size() <= most) return;
  throw TypeError(std::string(operation) + " takes " + std::to_string(least) + " to " +
                  std::to_string(most) + " arguments, not " + std::to_string(size()));
}

Caller::Caller(int hang_up_fd, Adopt adopt)
    : hang_up_fd_(hang_up_fd),
      woken_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      adopt_(std::move(adopt)) {
  if (!woken_) throw_errno("eventfd");
}

bool Caller::sleep(std::unique_lock<std::mutex>& hold) {
  hold.unlock();
  std::array<pollfd, 2> watched{
      {{woken_.get(), POLLIN, 0}, {hang_up_fd_, static_cast<short>(POLLRDHUP), 0}}};
  int ready;
  do {
    timespec left{};
    if (!deadline.is_never()) left = deadline.remaining();
    ready = ppoll(watched.data(), watched.size(), deadline.is_never() ? nullptr : &left, nullptr);
  } while (ready < 0 && errno == EINTR);
  hold.lock();
  if (ready < 0) throw_errno("ppoll");
  if (watched[1].revents != 0) throw CallerGone();
  std::uint64_t count;
  static_cast<void>(!read(woken_.get(), &count, sizeof count));  // also of a wake-up just now
  return ready > 0;
}

void Caller::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(woken_.get(), &one, sizeof one));  // full: he is awake
}

}  // namespace ipc
