// SPDX-License-Identifier: MIT
#include "impl/pipe/wait.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace ipc {
namespace {

constexpr std::chrono::milliseconds kSlice{1};

// poll(2) over all entries until one reports something. Retries after signals.
void poll_all(std::vector<pollfd>& entries, Deadline deadline) {
  for (;;) {
    timespec left{};
    if (!deadline.is_never()) left = deadline.remaining();
    if (ppoll(entries.data(), entries.size(), deadline.is_never() ? nullptr : &left, nullptr) >= 0)
      return;
    if (errno != EINTR) throw_errno("poll");
  }
}

template <class Key>
void refuse_duplicates(std::vector<Key> keys) {
  std::sort(keys.begin(), keys.end());
  if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) {
    throw ValueError("wait: the same object was given twice");
  }
}

}  // namespace

WaitObject::WaitObject(int fd) : fd_(fd) {
  if (fd < 0) throw ValueError("wait: " + std::to_string(fd) + " is not a descriptor");
}

std::vector<std::size_t> wait(std::span<const WaitObject> objects, Timeout timeout) {
  const Deadline deadline = deadline_of(timeout);
  if (objects.empty() && deadline.is_never())
    throw ValueError("wait: there is nothing to wait for");
  std::vector<pollfd> entries;
  std::vector<int> descriptors;
  std::vector<Connection*> connections;
  bool in_slices = false;
  for (const WaitObject& object : objects) {
    const int fd = object.descriptor();
    const bool is_sender = object.connection_ != nullptr && !object.is_receiver();
    entries.push_back({fd, static_cast<short>(is_sender ? 0 : POLLIN), 0});
    if (fd >= 0) descriptors.push_back(fd);
    if (object.connection_ != nullptr) connections.push_back(object.connection_);
    in_slices = in_slices || (fd < 0 && !is_sender);
  }
  refuse_duplicates(std::move(descriptors));
  refuse_duplicates(std::move(connections));

  for (;;) {
    std::vector<std::size_t> ready;
    poll_all(entries, Deadline::now());
    for (std::size_t i = 0; i < objects.size(); ++i) {
      if ((entries[i].revents & POLLNVAL) != 0) {
        throw ValueError("wait: descriptor " + std::to_string(entries[i].fd) + " is not open");
      }
      // The descriptor of a connection says when to look; the connection says whether there is
      // something.
      if (objects[i].is_receiver() ? objects[i].connection_->poll() : entries[i].revents != 0) {
        ready.push_back(i);
      }
    }
    if (!ready.empty() || deadline.passed()) return ready;
    poll_all(entries, in_slices ? deadline.within(kSlice) : deadline);
  }
}

}  // namespace ipc
