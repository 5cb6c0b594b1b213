// SPDX-License-Identifier: MIT
// An item in a manager's queue is kept while nobody reads: two tasks of a pool sleep at the same
// time, one after it has put the item, the other before it gets it. A barrier of the same manager,
// an argument as well, says that neither sleeps alone.
#include <chrono>
#include <thread>

#include "impl/examples/say.h"
#include "impl/manager/manager.h"
#include "impl/process/pool.h"

namespace {

constexpr std::chrono::milliseconds kTime(200);

void producer(const ipc::QueueProxy& queue, const ipc::BarrierProxy& both) {
  queue.put("a");
  both.wait();
  std::this_thread::sleep_for(kTime);
}

void consumer(const ipc::QueueProxy& queue, const ipc::BarrierProxy& both) {
  both.wait();
  say("both sleep");
  std::this_thread::sleep_for(kTime);
  say("qsize", queue.qsize());
  say(queue.get());
}

}  // namespace

int main() {
  const ipc::Manager m;
  const ipc::QueueProxy queue = m.queue(10);
  const ipc::BarrierProxy both = m.barrier(2);
  ipc::Pool pool(2);
  pool.apply_async(producer, queue, both);
  pool.apply_async(consumer, queue, both);
  pool.close();
  pool.join();
}
