// SPDX-License-Identifier: MIT
// The result of a pool's task, asked for when everything has ended: it is there. close() comes
// before join(): as long as the pool takes tasks, a join is an error.
#include <chrono>
#include <thread>

#include "impl/examples/say.h"
#include "impl/process/pool.h"

namespace {

int task(int n) {
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  say("sub_progress success");
  return n;
}

}  // namespace

int main() {
  ipc::Pool pool;  // as many workers as there are CPUs
  try {
    pool.join();
  } catch (const ipc::ValueError& error) {
    say("join before close:", error.what());
  }

  const ipc::AsyncResult<int> result = pool.apply_async(task, 3);
  pool.close();
  pool.join();
  const bool is_ready = result.ready();  // before get, which would wait
  say(is_ready ? "ready" : "not ready", result.get());
}
