// SPDX-License-Identifier: MIT
#include "impl/manager/server_process.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "impl/manager/server.h"
#include "impl/os/error.h"

namespace ipc::detail {
namespace {

constexpr double kGrace = 1;  // seconds after SIGTERM

}  // namespace

ServerProcess::ServerProcess(const ManagerEntry& entry, const std::string& address,
                             ServerContent content)
    : host_(entry.make(address)),
      place_{entry.name, host_->address()},
      stop_(eventfd(0, EFD_CLOEXEC)),
      owner_(getpid()),
      process_([this, content = std::move(content)] { run(content); }) {
  if (!stop_) throw_errno("eventfd");
  const std::string_view number = std::string_view(process_.name()).substr(sizeof "Process" - 1);
  process_.set_name("SyncManager" + std::string(number));
  try {
    process_.start(false);
  } catch (...) {
    host_->remove();
    throw;
  }
  host_->leave();
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
  host_->serve(*server, parent_process()->sentinel());
}

bool ServerProcess::lives_after(double seconds) { return !process_.join(seconds); }

void ServerProcess::end(double seconds) {
  const std::uint64_t one = 1;
  static_cast<void>(!write(stop_.get(), &one, sizeof one));  // again: it is told already
  if (lives_after(seconds)) process_.terminate();
  if (lives_after(kGrace)) process_.kill();
  process_.join();
  host_->remove();
}

}  // namespace ipc::detail
