// SPDX-License-Identifier: MIT
// The process in which a manager's server runs, for the one that has started it. It ignores SIGINT,
// and ends with that process, however that ends; not with the thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "impl/manager/backend.h"
#include "impl/manager/referent.h"
#include "impl/os/unique_fd.h"
#include "impl/process/process.h"

namespace ipc::detail {

struct ServerContent {
  std::string key;
  std::map<std::string, Factory, std::less<>> types;
  std::function<void()> initializer;  // may be none
};

class ServerProcess {
 public:
  // Serves when it returns, after the initializer. Throws as the backend does, ProcessError when
  // the server ended before, std::system_error.
  ServerProcess(const ManagerEntry& entry, const std::string& address, ServerContent content);
  ~ServerProcess();  // ends it, in the process that has started it
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const StorePlace& place() const { return place_; }
  std::optional<pid_t> pid() const { return process_.pid(); }
  // Tells it to; after so many seconds with SIGTERM, a second later with SIGKILL. A second time
  // does nothing. Throws StateError in another process than the one that has started it.
  void end(double seconds);

 private:
  void run(const ServerContent& content);

  const std::unique_ptr<AnyHost> host_;
  const StorePlace place_;
  const UniqueFd stop_;    // an eventfd: readable when the server is to end
  const UniqueFd serves_;  // when it serves
  const pid_t owner_;
  Process process_;
  bool is_over_ = false;
};

}  // namespace ipc::detail
