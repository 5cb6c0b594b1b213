// SPDX-License-Identifier: MIT
// An item is kept while nobody reads: it is still there for a consumer that sleeps first, at the
// same time as the producer does.
#include <chrono>
#include <thread>

#include "impl/examples/say.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"
#include "impl/sync/barrier.h"

int main() {
  ipc::Queue<> queue(10);
  ipc::Barrier both(2);  // who comes first waits for the other: neither sleeps alone
  const auto sleep = [&both] {
    if (both.wait() == 0) say("both sleep");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  };
  ipc::Process producer([&] {
    queue.put("a");
    sleep();
  });
  ipc::Process consumer([&] {
    sleep();
    say("qsize", queue.qsize());
    say(queue.get());
  });
  producer.start();
  consumer.start();
  producer.join();
  consumer.join();
}
