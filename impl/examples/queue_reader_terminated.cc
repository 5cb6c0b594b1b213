// SPDX-License-Identifier: MIT
// A reader in an endless loop cannot be joined, only terminated: its exit code is -15, by SIGTERM.
// As it waited in get, that ruins nothing: the queue still works. CPython's would not, for the
// reader took the lock of all readers with it.
#include <chrono>
#include <thread>

#include "impl/examples/say.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

int main() {
  ipc::Queue<> queue;
  ipc::Process writer([&] {
    say("writer has pid", ipc::current_process().pid());
    for (const char* item : {"A", "B", "C"}) {
      say("Put", item);
      queue.put(item);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  ipc::Process reader([&] {
    say("reader has pid", ipc::current_process().pid());
    while (true) say("Get", queue.get());
  });
  writer.start();
  reader.start();
  writer.join();
  while (!queue.empty()) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  reader.terminate();
  reader.join();
  say("the reader ended with", *reader.exitcode());

  queue.put("D");
  say("the parent gets", queue.get(true, 5.0));
}
