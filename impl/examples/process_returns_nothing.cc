// SPDX-License-Identifier: MIT
// What the function of a process returns is lost: the exit code says only that it has returned.
// Before start() a process has no pid.
#include <chrono>
#include <thread>

#include "impl/examples/say.h"
#include "impl/process/process.h"

namespace {

int task(int n) {
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  say("sub_progress success");
  return n;
}

}  // namespace

int main() {
  ipc::Process child([] { return task(3); });
  say(child.pid() ? "a pid" : "None");
  child.start();
  say(child.pid() ? "a pid" : "None");
  child.join();
  say("exit code", *child.exitcode());
  say("main progress end");
}
