// SPDX-License-Identifier: MIT
#include "impl/manager/server_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "impl/driver/errors.h"
#include "impl/manager/errors.h"
#include "impl/manager/server.h"
#include "impl/os/error.h"

namespace ipc::detail {
namespace {

constexpr double kGrace = 1;  // seconds after SIGTERM

void tell(const UniqueFd& event) {
  const std::uint64_t one = 1;
  static_cast<void>(!write(event.get(), &one, sizeof one));  // again: it is told already
}

}  // namespace

ServerProcess::ServerProcess(const ManagerEntry& entry, const std::string& address,
                             ServerContent content)
    : host_(entry.make(address)),
      place_{entry.name, host_->address()},
      stop_(eventfd(0, EFD_CLOEXEC)),
      serves_(eventfd(0, EFD_CLOEXEC)),
      owner_(getpid()),
      process_([this, content = std::move(content)] { run(content); }) {
  if (!stop_ || !serves_) throw_errno("eventfd");
  const std::string_view number = std::string_view(process_.name()).substr(sizeof "Process" - 1);
  process_.set_name("SyncManager" + std::string(number));
  try {
    process_.start(false);
  } catch (...) {
    host_->remove();
    throw;
  }
  host_->leave();
  std::array<pollfd, 2> watched{{{serves_.get(), POLLIN, 0}, {process_.sentinel(), POLLIN, 0}}};
  while (poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) throw_errno("poll");
  }
  if (watched[0].revents == 0) {
    host_->remove();
    throw ProcessError("the server of the manager ended before it served");
  }
}

ServerProcess::~ServerProcess() {
  if (getpid() != owner_) return;
  try {
    end(kGrace);
  } catch (const std::exception&) {  // its process dies with the object
  }
}

// In the server.
void ServerProcess::run(const ServerContent& content) {
  signal(SIGINT, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, 0);  // which the end of a thread sends; here the process counts
  if (content.initializer) content.initializer();
  // Never destroyed: threads that serve connections end with the process only.
  auto* const server = new Server(place_, content.key, content.types, stop_.get());
  server->set_here();
  host_->begin(*server);
  tell(serves_);
  host_->serve(*server, parent_process()->sentinel());
}

void ServerProcess::end(double seconds) {
  if (getpid() != owner_) throw StateError("only the process that has started a server ends it");
  if (std::exchange(is_over_, true)) return;
  tell(stop_);
  if (!process_.join(seconds)) process_.terminate();
  if (!process_.join(kGrace)) process_.kill();
  process_.join();
  // One that was not killed has done it, and another may have the address now.
  if (process_.exitcode() != 0) host_->remove();
}

}  // namespace ipc::detail
