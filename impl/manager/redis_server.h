// SPDX-License-Identifier: MIT
// The process of Redis for a manager. It keeps all in memory and writes no files, takes the
// password from its standard input, where nobody else sees it, and is killed when the thread ends
// that has started it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "impl/manager/redis_connection.h"
#include "impl/os/child.h"

namespace ipc::detail {

// Debian's redis-check-rdb is the same program: it is the server when it is called so. None: there
// is none in PATH.
std::optional<std::string> redis_program();

class RedisServer {
 public:
  // Serves at that path when it returns, and has done these commands. Throws std::system_error,
  // Error with what Redis says.
  RedisServer(const std::string& path, const std::string& password,
              const std::vector<Words>& commands);

  int pidfd() const { return process_.pidfd(); }  // readable when it has ended
  void end();

 private:
  const UniqueFd log_;
  Child process_;
};

}  // namespace ipc::detail
