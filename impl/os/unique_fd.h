// SPDX-License-Identifier: MIT
// Sole owner of a file descriptor in this process. After fork each process owns its own copy.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "impl/os/error.h"

namespace ipc {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

// Another descriptor of the same, close-on-exec. Throws std::system_error.
inline UniqueFd duplicate(const UniqueFd& fd) {
  UniqueFd copy(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) throw_errno("F_DUPFD_CLOEXEC");
  return copy;
}

template <class... Fd>
std::vector<UniqueFd> descriptors_of(Fd... fd) {
  std::vector<UniqueFd> all;
  (all.push_back(std::move(fd)), ...);
  return all;
}

}  // namespace ipc
