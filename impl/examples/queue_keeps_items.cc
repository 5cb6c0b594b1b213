// SPDX-License-Identifier: MIT
// An item is kept while nobody reads: it is still there for a consumer that sleeps first.
#include <chrono>
#include <thread>

#include "impl/examples/say.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

int main() {
  ipc::Queue<> queue(10);
  ipc::Process producer([&] { queue.put("a"); });
  ipc::Process consumer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    say("qsize", queue.qsize());
    say(queue.get());
  });
  producer.start();
  while (queue.empty()) std::this_thread::yield();
  consumer.start();
  producer.join();
  consumer.join();
}
