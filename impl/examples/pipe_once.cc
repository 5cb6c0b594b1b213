// SPDX-License-Identifier: MIT
// One message between two children, which are both joined.
#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"
#include "impl/process/process.h"

int main() {
  auto [receiver, sender] = ipc::Pipe();
  ipc::Process producer([&end = sender] { end.send("a"); });
  ipc::Process consumer([&end = receiver] { say(end.recv()); });
  producer.start();
  consumer.start();
  producer.join();
  consumer.join();
}
