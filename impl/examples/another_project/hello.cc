// SPDX-License-Identifier: MIT
// A word from a child, and the backends that there are here: a line each of pipes, queues,
// memories, locks and managers.
#include <iostream>

#include "impl/manager/backend.h"
#include "impl/pipe/backend.h"
#include "impl/process/process.h"
#include "impl/queue/backend.h"
#include "impl/queue/queue.h"
#include "impl/shared/backend.h"

template <class Registry>
void print() {
  for (const auto& [name, backend] : Registry::entries()) std::cout << name << ' ';
  std::cout << '\n';
}

int main() {
  ipc::Queue<> queue;
  ipc::Process child([&] { queue.put("hello"); });
  child.start();
  std::cout << queue.get() << '\n';
  print<ipc::PipeRegistry>();
  print<ipc::QueueRegistry>();
  print<ipc::MemoryRegistry>();
  print<ipc::LockRegistry>();
  print<ipc::ManagerRegistry>();
}
