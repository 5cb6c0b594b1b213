// SPDX-License-Identifier: MIT
// A pipe between two children of a third process. A join can be repeated, and a child that is never
// joined is waited for at the end of its scope.
#include <chrono>
#include <thread>

#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"
#include "impl/process/process.h"

int main() {
  auto [receiver, sender] = ipc::Pipe();
  ipc::Process producer([&end = sender] {
    end.send("amy");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    say("producer ends");
  });
  ipc::Process consumer([&end = receiver] { say(end.recv()); });
  producer.start();
  consumer.start();
  consumer.join();
  say("joined again", consumer.join(0));
}
