// SPDX-License-Identifier: MIT
// Parent and child each use one end, whichever, to send or to receive. If both use the same end,
// the child receives nothing.
#include <string>

#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"
#include "impl/process/process.h"

namespace {

void show(const std::string& what, ipc::Connection& parents, ipc::Connection& childs,
          bool child_sends) {
  ipc::Process child([&] {
    if (child_sends) {
      childs.send("hello");
    } else {
      say(what, childs.poll(2.0) ? childs.recv<std::string>() : "nothing");
    }
  });
  child.start();
  if (child_sends) {
    say(what, parents.recv());
  } else {
    parents.send("hello");
  }
  child.join();
}

}  // namespace

int main() {
  for (const bool child_sends : {false, true}) {
    const std::string verb = child_sends ? "receives:" : "sends:";
    auto [a1, a2] = ipc::Pipe();
    show("parent con1 " + verb, a1, a2, child_sends);
    auto [b1, b2] = ipc::Pipe();
    show("parent con2 " + verb, b2, b1, child_sends);
  }
  auto [con1, con2] = ipc::Pipe();
  show("both con1:", con1, con1, false);
}
