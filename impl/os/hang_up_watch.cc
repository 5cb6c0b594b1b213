// SPDX-License-Identifier: MIT
#include "impl/os/hang_up_watch.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

#include "impl/os/error.h"
#include "impl/os/quiet_thread.h"

namespace ipc {
namespace {

// Waits for one of two descriptors, at most so long. True when `stop` is readable.
bool stopped(int stop, int fd, int milliseconds) {
  pollfd entries[] = {{stop, POLLIN, 0}, {fd, 0, 0}};
  while (poll(entries, 2, milliseconds) < 0) {  // a signal, or no memory just now
  }
  return entries[0].revents != 0;
}

void watch(int stop, int fd, const std::function<bool()>& act) {
  if (stopped(stop, fd, -1)) return;
  while (!act()) {
    if (stopped(stop, -1, 1)) return;
  }
}

}  // namespace

void HangUpWatch::run(int fd, std::function<bool()> act) {
  std::lock_guard hold(starting_);
  if (running_.load(std::memory_order_relaxed)) return;
  stop_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!stop_) throw_errno("eventfd");
  thread_ = quiet_thread([stop = stop_.get(), fd, act = std::move(act)] { watch(stop, fd, act); });
  running_.store(true, std::memory_order_release);  // pairs with start
}

HangUpWatch::~HangUpWatch() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

}  // namespace ipc
