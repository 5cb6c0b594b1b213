// SPDX-License-Identifier: MIT
#include "impl/os/path_in_use.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "impl/os/error.h"

namespace ipc {
namespace {

UniqueFd open_path(PathInUse::Kind kind, const std::string& path) {
  const int flags = kind == PathInUse::Kind::file ? O_RDWR : O_RDONLY | O_DIRECTORY;
  return UniqueFd(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW));
}

std::string checked(std::string path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    throw ValueError("\"" + path + "\" is no path: wanted 1 byte or more, none zero");
  }
  return path;
}

void make_at(PathInUse::Kind kind, const std::string& path) {
  if (kind == PathInUse::Kind::directory) {
    if (mkdir(path.c_str(), S_IRWXU) != 0) throw_errno("mkdir " + path);
  } else if (!UniqueFd(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600))) {
    throw_errno("open " + path);
  }
}

std::string make_new(PathInUse::Kind kind, const std::string& begin) {
  std::string path = begin + "XXXXXX";
  if (kind == PathInUse::Kind::directory) {
    if (mkdtemp(path.data()) == nullptr) throw_errno("mkdtemp " + path);
  } else if (!UniqueFd(mkostemp(path.data(), O_CLOEXEC))) {
    throw_errno("mkostemp " + path);
  }
  return path;
}

// Who comes meanwhile waits for the lock, and finds it gone.
void remove_unused(PathInUse::Kind kind, const std::string& begin) {
  for (const std::string& path : paths_of_this_user(begin)) {
    const UniqueFd fd = open_path(kind, path);
    std::error_code ignored;
    if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) == 0) std::filesystem::remove_all(path, ignored);
  }
}

}  // namespace

PathInUse PathInUse::make(Kind kind, const std::string& address, const std::string& begin) {
  if (!address.empty()) {
    make_at(kind, checked(address));
    return {kind, address};
  }
  remove_unused(kind, begin);
  for (;;) {
    try {
      return {kind, make_new(kind, begin)};
    } catch (const std::system_error& error) {
      // Between its making and its lock, another that starts has taken it for a killed one's.
      if (error.code() != std::errc::no_such_file_or_directory) throw;
      if (!std::filesystem::exists(begin.substr(0, begin.rfind('/') + 1))) throw;
    }
  }
}

PathInUse::PathInUse(Kind kind, std::string path)
    : path_(checked(std::move(path))), fd_(open_path(kind, path_)) {
  if (!fd_) throw_errno("open " + path_);
  while (flock(fd_.get(), LOCK_SH) != 0) {
    if (errno != EINTR) throw_errno("flock " + path_);
  }
  struct stat about {};
  if (fstat(fd_.get(), &about) != 0) throw_errno("fstat " + path_);
  identity_ = {about.st_dev, about.st_ino};
  if (about.st_nlink == 0) {
    errno = ENOENT;
    throw_errno("open " + path_);
  }
}

std::vector<std::string> paths_of_this_user(const std::string& begin) {
  std::vector<std::string> all;
  std::error_code ignored;
  for (const auto& each :
       std::filesystem::directory_iterator(begin.substr(0, begin.rfind('/') + 1), ignored)) {
    std::string path = each.path().string();
    struct stat status;
    if (path.starts_with(begin) && lstat(path.c_str(), &status) == 0 &&
        status.st_uid == geteuid()) {
      all.push_back(std::move(path));
    }
  }
  return all;
}

}  // namespace ipc
