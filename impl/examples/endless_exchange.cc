// SPDX-License-Identifier: MIT
// An endless sender and an endless receiver, by name. The program would wait for them at its end
// for ever: so it stops them.
#include <chrono>
#include <string>
#include <thread>

#include "impl/examples/say.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

int main() {
  ipc::Queue<int> queue(5);
  const auto sends = [&] {
    for (int i = 0;; ++i) {
      queue.put(i);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  };
  const auto receives = [&] {
    while (true) say(ipc::current_process().name, "got", queue.get());
  };
  ipc::Process sender(sends, "sendData");
  ipc::Process receiver(receives, "receiveData");
  sender.start();
  receiver.start();
  if (!sender.join(0.6) && receiver.is_alive()) say("both go on");
  for (ipc::Process* process : ipc::active_children()) {
    process->terminate();
    process->join();
    say(process->name(), *process->exitcode());
  }
}
