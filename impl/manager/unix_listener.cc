// SPDX-License-Identifier: MIT
#include "impl/manager/unix_listener.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "impl/os/error.h"
#include "impl/os/path_in_use.h"
#include "impl/os/socket.h"

namespace ipc {
namespace {

constexpr const char* kPlace = "/tmp/ipcbench-manager-";
constexpr const char* kFile = "/socket";

UnixName name_of(const std::string& path) {
  UnixName name;
  // Names that begin with a zero are abstract: anybody may connect to these, and take them.
  if (path.empty() || path.find('\0') != std::string::npos ||
      path.size() >= sizeof name.address.sun_path) {
    throw ValueError("\"" + path + "\" is no path for a socket: wanted 1 to " +
                     std::to_string(sizeof name.address.sun_path - 1) + " bytes, none zero");
  }
  path.copy(name.address.sun_path, path.size());
  return name;
}

void remove_with_directory(const std::string& path) noexcept {
  unlink(path.c_str());
  if (path.starts_with(kPlace)) rmdir(path.substr(0, path.rfind('/')).c_str());
}

// Of this user's servers, where they were killed and nobody was left to do it.
void remove_left_ones() {
  for (const std::string& directory : paths_of_this_user(kPlace)) {
    try {
      connect_to_path(directory + kFile);
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::connection_refused) {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
      }
    }
  }
}

std::string new_path() {
  remove_left_ones();
  std::string directory = std::string(kPlace) + "XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) throw_errno("mkdtemp " + directory);
  return directory + kFile;
}

}  // namespace

UnixListener::UnixListener(const std::string& address)
    : path_(address.empty() ? new_path() : address), socket_(make_socket(AF_UNIX, SOCK_STREAM)) {
  // One that does not listen yet would look left behind.
  const std::string unfinished = address.empty() ? path_ + ".new" : path_;
  const UnixName name = name_of(unfinished);
  // The file's mode is that of the socket before it.
  if (fchmod(socket_.get(), S_IRUSR | S_IWUSR) != 0) throw_errno("fchmod of a socket");
  if (bind(socket_.get(), name.get(), name.size) != 0) throw_errno("bind to " + path_);
  if (listen(socket_.get(), SOMAXCONN) != 0) throw_errno("listen on " + path_);
  if (unfinished != path_ && rename(unfinished.c_str(), path_.c_str()) != 0) {
    throw_errno("rename " + unfinished);
  }
}

void UnixListener::remove() noexcept { remove_with_directory(path_); }

UniqueFd connect_to_path(const std::string& path) {
  const UnixName name = name_of(path);
  UniqueFd made = make_socket(AF_UNIX, SOCK_STREAM);
  while (connect(made.get(), name.get(), name.size) != 0) {
    if (errno != EINTR) throw_errno("connect to " + path);
  }
  return made;
}

}  // namespace ipc
