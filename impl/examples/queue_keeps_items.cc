// SPDX-License-Identifier: MIT
// An item is kept while nobody reads: producer and consumer sleep at the same time.
#include <chrono>
#include <thread>

#include "impl/examples/say.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

int main() {
  constexpr std::chrono::milliseconds kPause(200);
  ipc::Queue<> queue(10);
  ipc::Process producer([&] {
    queue.put("a");
    std::this_thread::sleep_for(kPause);
  });
  ipc::Process consumer([&] {
    std::this_thread::sleep_for(kPause);
    say(queue.get());
  });
  producer.start();
  consumer.start();
  producer.join();
  consumer.join();
}
