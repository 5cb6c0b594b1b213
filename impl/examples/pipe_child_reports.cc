// SPDX-License-Identifier: MIT
// A child sends one word and closes its end; the parent prints it.
#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"
#include "impl/process/process.h"

int main() {
  auto [parent_end, child_end] = ipc::Pipe();
  ipc::Process child(
      [&end = child_end] {
        say("child sends");
        end.send("k");
        say("child has sent");
        end.close();
      },
      "sendData");
  child.start();
  say("接受到数据==>", parent_end.recv());
  child.join();
}
