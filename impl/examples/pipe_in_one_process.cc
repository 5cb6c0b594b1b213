// SPDX-License-Identifier: MIT
// Both ends in one process: each receives what the other sends, and never what it sends itself.
#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"

int main() {
  auto [con1, con2] = ipc::Pipe();
  con2.send("to con1");
  say(con2.poll() ? "an end hears itself" : "nothing at con2");
  say(con1.recv());
  con1.send("to con2");
  say(con1.poll() ? "an end hears itself" : "nothing at con1");
  say(con2.recv());
}
