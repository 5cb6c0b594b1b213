// SPDX-License-Identifier: MIT
// A word from a child, and the backends that a pipe may have here.
#include <iostream>

#include "impl/pipe/backend.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

int main() {
  ipc::Queue<> queue;
  ipc::Process child([&] { queue.put("hello"); });
  child.start();
  std::cout << queue.get() << '\n';
  for (const auto& [name, backend] : ipc::PipeRegistry::entries()) std::cout << name << ' ';
  std::cout << '\n';
}
