// SPDX-License-Identifier: MIT
// A task with a plain queue as argument fails when its turn comes, and no worker runs it. Only an
// error callback or who asks for the result hears of it: the pool ends as if all were well. What
// works is a manager's queue (manager_queue_in_a_pool.cc).
#include <exception>
#include <string>
#include <tuple>

#include "impl/examples/say.h"
#include "impl/process/pool.h"
#include "impl/queue/queue.h"

namespace {

// Neither runs.
void producer(ipc::Queue<>& queue) {
  say("the producer runs");
  queue.put(ipc::Object());
}
std::string consumer(ipc::Queue<>& queue) {
  say("the consumer runs");
  return ipc::str(queue.get());
}

void error_callback(const std::exception_ptr& given) {
  try {
    std::rethrow_exception(given);
  } catch (const ipc::InheritanceError& error) {
    say(error.what());
    say("send error email");
  }
}

void with_a_queue(const ipc::Callbacks<std::string>& of_consumer) {
  ipc::Queue<> queue(10);
  ipc::Pool pool(2);
  pool.apply_async(producer, std::tie(queue), {.error_callback = error_callback});
  pool.apply_async(consumer, std::tie(queue), of_consumer);
  pool.close();
  pool.join();
}

}  // namespace

int main() {
  const auto callback = [](const std::string& result) { say("callback", result); };
  say("an error callback of the producer");
  with_a_queue({.callback = callback});
  say("one of each");
  with_a_queue({.callback = callback, .error_callback = error_callback});
}
