// SPDX-License-Identifier: MIT
// Two tasks of a pool, and between them a manager's queue. It can be a task's argument, which a
// queue without manager cannot (pool_refuses_a_queue.cc): what goes there is a proxy.
#include <exception>
#include <string>
#include <tuple>

#include "impl/examples/say.h"
#include "impl/manager/manager.h"
#include "impl/process/pool.h"
#include "impl/process/process.h"

namespace {

void producer(const ipc::QueueProxy& queue) {
  for (int i = 0; i < 4; ++i) queue.put("a");
  queue.put(ipc::Object());
}

std::string consumer(const ipc::QueueProxy& queue) {
  for (ipc::Object data = queue.get(); !data.is_none(); data = queue.get()) say(data);
  return "1";
}

void error_callback(const std::exception_ptr& given) {
  try {
    std::rethrow_exception(given);
  } catch (const std::exception& error) {
    say(error.what());
    say("send error email");
  }
}

}  // namespace

int main() {
  const ipc::QueueProxy queue = ipc::Manager().queue(10);
  ipc::Pool pool(2);
  const auto callback = [parent = ipc::current_process().pid()](const std::string& result) {
    const bool here = ipc::current_process().pid() == parent;
    say("callback", result, here ? "in the parent" : "elsewhere");
  };
  pool.apply_async(producer, std::tuple(queue), {.error_callback = error_callback});
  pool.apply_async(consumer, std::tuple(queue), {.callback = callback});
  pool.close();
  pool.join();
}
