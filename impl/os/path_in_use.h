// SPDX-License-Identifier: MIT
// PathInUse: a file or directory that several processes use and none alone owns, with a name that
// outlives all of them when they are killed. Each user has it open with a lock of the kernel's
// (flock(2), shared), which goes with the last process that has the descriptor; so who finds such a
// path and gets the lock alone knows that nobody uses it any more.
//
// One object is one process's; what a fork copies uses it as well.
#pragma once

#include <sys/types.h>

#include <string>
#include <tuple>
#include <vector>

#include "impl/os/unique_fd.h"

namespace ipc {

class PathInUse {
 public:
  enum class Kind { file, directory };
  // The same for all paths to one file.
  struct Identity {
    dev_t device = 0;
    ino_t number = 0;
    bool operator==(const Identity&) const = default;
    bool operator<(const Identity& other) const {  // for a map
      return std::tie(device, number) < std::tie(other.device, other.number);
    }
  };

  // A new one, for this user alone (0600, 0700): at `address`, or where that is empty one that
  // begins with `begin` and has a name that nobody else has; then those are removed of this user
  // that begin so too and nobody uses. Throws std::system_error, and ValueError for what is no
  // path.
  static PathInUse make(Kind kind, const std::string& address, const std::string& begin);
  // One that is there. Throws std::system_error when it is not, ValueError.
  PathInUse(Kind kind, std::string path);

  const std::string& path() const { return path_; }
  const UniqueFd& fd() const { return fd_; }  // a file's is for reading and writing
  Identity identity() const { return identity_; }
  void let_go() { fd_.reset(); }  // this process uses it no more

 private:
  std::string path_;
  UniqueFd fd_;
  Identity identity_;
};

// The paths of this user that begin so, up to which the last slash counts as the folder.
std::vector<std::string> paths_of_this_user(const std::string& begin);

}  // namespace ipc
