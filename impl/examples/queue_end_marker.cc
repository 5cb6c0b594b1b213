// SPDX-License-Identifier: MIT
// Seven items through a queue that holds five: the producer waits until the consumer has taken
// some. None marks the end, for one consumer; several need one each.
#include <thread>

#include "impl/examples/say.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

int main() {
  ipc::Queue<> queue(5);
  ipc::Process producer([&] {
    for (int i = 0; i < 6; ++i) queue.put("amy");
    queue.put(ipc::Object());
  });
  ipc::Process consumer([&] {
    for (int i = 0; i < 10; ++i) {
      const ipc::Object item = queue.get();
      if (item.is_none()) break;
      say(item);
    }
  });

  producer.start();
  while (!queue.full()) std::this_thread::yield();
  if (!producer.join(0.3)) say("the queue holds", queue.qsize(), "and the producer waits");
  consumer.start();
  producer.join();
  consumer.join();
  say("exit codes", *producer.exitcode(), *consumer.exitcode());
}
