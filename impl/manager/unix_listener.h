// SPDX-License-Identifier: MIT
// Where the server of a manager is reached through the file system, as that of unix_socket and of
// shm_ring: a unix stream socket under a path that only its user can open. Without an address it
// has a directory of its own (0700), else it is a file (0600).
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "impl/manager/authentication.h"
#include "impl/manager/stream_link.h"
#include "impl/os/unique_fd.h"

namespace ipc {

// Removes what killed servers of this user have left, where it has a directory of its own.
class UnixListener {
 public:
  // Throws std::system_error, and ValueError for what is no path of a socket.
  explicit UnixListener(const std::string& address);

  std::string address() const { return path_; }
  int fd() const { return socket_.get(); }
  const UniqueFd& socket() const { return socket_; }
  void close() { socket_.reset(); }
  void remove() noexcept;

 private:
  std::string path_;
  UniqueFd socket_;
};

// Throws as UnixListener does, also when nobody listens there.
UniqueFd connect_to_path(const std::string& path);

// A channel whose sides meet at such a socket: L is a Link made of it and of the side's role.
template <class L>
class UnixChannel {
 public:
  class Listener : public UnixListener {
   public:
    using UnixListener::UnixListener;
    std::unique_ptr<Link> accept() {
      UniqueFd accepted = accept_socket(socket());
      if (!accepted) return nullptr;
      return std::make_unique<L>(std::move(accepted), detail::Role::server);
    }
  };

  static std::unique_ptr<Link> connect(const std::string& address) {
    return std::make_unique<L>(connect_to_path(address), detail::Role::client);
  }
};

}  // namespace ipc
