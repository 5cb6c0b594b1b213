// SPDX-License-Identifier: MIT
// Ten tasks for six workers: those given by apply_async run at the same time, six of them, and each
// has its callback, in the parent. Those given by apply run one after the other.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <tuple>

#include "impl/examples/say.h"
#include "impl/process/pool.h"
#include "impl/process/process.h"
#include "impl/shared/value.h"
#include "impl/sync/barrier.h"

namespace {

// How many tasks run, and the most that did at the same time. Made before the pools: a worker has
// what was there when it was forked.
std::optional<ipc::Value<int>> running, most;
std::optional<ipc::Barrier> six;  // opens when six wait

int task(const std::string& path, bool meets) {
  say("task", path);
  const int together = running->update([](int& n) { ++n; });
  most->update([together](int& n) { n = std::max(n, together); });
  if (meets) six->wait();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  running->update([](int& n) { --n; });
  return 1;
}

}  // namespace

int main() {
  running.emplace(0);
  most.emplace(0);
  six.emplace(6);
  ipc::Pool pool(6);
  const auto callback = [parent = ipc::current_process().pid()](int result) {
    const bool here = ipc::current_process().pid() == parent;
    say("callback", result, here ? "in the parent" : "elsewhere");
  };
  for (int i = 0; i < 10; ++i) {
    pool.apply_async(task, std::tuple("/" + std::to_string(i), i < 6), {.callback = callback});
  }
  pool.close();
  pool.join();
  say("at the same time:", most->value());

  most->set_value(0);
  ipc::Pool another(6);
  for (int i = 0; i < 10; ++i) another.apply(task, "/" + std::to_string(i), false);
  say("by apply:", most->value());
}
