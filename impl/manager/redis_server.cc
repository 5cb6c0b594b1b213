// SPDX-License-Identifier: MIT
#include "impl/manager/redis_server.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "impl/manager/errors.h"
#include "impl/os/error.h"

namespace ipc::detail {
namespace {

constexpr std::chrono::milliseconds kNap{1};
constexpr std::chrono::seconds kGrace{1};  // after SIGTERM

// As a word of the configuration: any bytes.
std::string quoted(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string all = "\"";
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    all += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return all + '"';
}

// Without a name of a file it reads none that is there. `hz`: how often it looks for those whose
// time is over. `lua-time-limit 0`: who calls while a long script runs waits for it, and gets no
// error.
std::string configuration(const std::string& path, const std::string& password) {
  return "port 0\nunixsocket " + quoted(path) + "\nunixsocketperm 600\ndir " +
         quoted(std::filesystem::path(path).parent_path().string()) + "\nrequirepass " + password +
         "\nsave \"\"\ndbfilename \"\"\nappendonly no\ndaemonize no\nloglevel warning\nlogfile "
         "\"\"\nhz 100\n"
         "lua-time-limit 0\n";
}

UniqueFd readable(const std::string& text) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe2");
  UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  if (write(writing.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw_errno("write of a configuration");  // a pipe holds it whole
  }
  return reading;
}

UniqueFd make_log() {
  UniqueFd log(memfd_create("redis", MFD_CLOEXEC));
  if (!log) throw_errno("memfd_create");
  return log;
}

std::string content(const UniqueFd& log) {
  std::array<char, 4096> text;
  const ssize_t size = pread(log.get(), text.data(), text.size(), 0);
  return {text.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
}

// In a group of its own: an interrupt at the terminal is not for it, as not for a manager's server.
Child start(const std::string& configuration, const UniqueFd& log) {
  const std::optional<std::string> program = redis_program();
  if (!program) throw Error("there is no Redis server");
  const UniqueFd input = readable(configuration);
  return fork_child([&] {
    setpgid(0, 0);
    umask(S_IXUSR | S_IRWXG | S_IRWXO);
    dup2(input.get(), STDIN_FILENO);
    dup2(log.get(), STDOUT_FILENO);
    dup2(log.get(), STDERR_FILENO);
    std::array<char*, 3> words{const_cast<char*>("redis-server"), const_cast<char*>("-"), nullptr};
    execv(program->c_str(), words.data());
    return 127;
  });
}

RedisConnection connect(Child& process, const UniqueFd& log, const std::string& path,
                        const std::string& password) {
  for (;;) {
    try {
      return RedisConnection(path, password);
    } catch (const std::system_error&) {  // not yet
    }
    if (const std::optional<int> status = process.wait(Deadline::after(kNap))) {
      throw Error("Redis has ended with status " + std::to_string(*status) + ": " + content(log));
    }
  }
}

std::optional<std::string> in_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/bin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (folder.empty()) continue;
    folder.append("/").append(name);
    if (access(folder.c_str(), X_OK) == 0) return folder;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> redis_program() {
  std::optional<std::string> found = in_path("redis-server");
  return found ? found : in_path("redis-check-rdb");
}

RedisServer::RedisServer(const std::string& path, const std::string& password,
                         const std::vector<Words>& commands)
    : log_(make_log()), process_(start(configuration(path, password), log_)) {
  RedisConnection connection = connect(process_, log_, path, password);
  for (const Words& each : commands) {
    connection.append(each);
    const RedisReply reply = connection.send() ? connection.receive() : nullptr;
    if (!reply) throw Error("Redis has ended: " + content(log_));
    if (reply->type == REDIS_REPLY_ERROR) throw Error("Redis: " + std::string(reply->str));
  }
}

void RedisServer::end() {
  process_.signal(SIGTERM);
  if (process_.wait(Deadline::after(kGrace))) return;
  process_.signal(SIGKILL);
  process_.wait(Deadline::never());
}

}  // namespace ipc::detail
