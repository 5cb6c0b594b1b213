// SPDX-License-Identifier: MIT
// Ten tasks for six workers: those given by apply_async run at the same time, two rounds of them,
// and each has its callback, in the parent. Those given by apply run one after the other.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <tuple>

#include "impl/examples/say.h"
#include "impl/process/pool.h"
#include "impl/process/process.h"

namespace {

int task(const std::string& path) {
  say("task", path);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return 1;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main() {
  const auto parent = ipc::current_process().pid();
  ipc::Pool pool(6);
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    pool.apply_async(task, std::tuple("/" + std::to_string(i)), {.callback = [parent](int result) {
                       const bool here = ipc::current_process().pid() == parent;
                       say("callback", result, here ? "in the parent" : "elsewhere");
                     }});
  }
  pool.close();
  pool.join();
  const double together = seconds_since(start);

  ipc::Pool another(6);
  start = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) another.apply(task, "/" + std::to_string(i));
  const double in_turns = seconds_since(start);
  say(together < in_turns ? "apply_async was faster" : "apply was faster");
}
