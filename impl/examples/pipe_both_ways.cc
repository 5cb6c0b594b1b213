// SPDX-License-Identifier: MIT
// Lists one way, text the other, through one pipe.
#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"
#include "impl/process/process.h"

int main() {
  using ipc::Object;
  auto [parent_end, child_end] = ipc::Pipe();
  ipc::Process child([&end = child_end] {
    end.send(Object::list({1, 2, 3}));
    end.send(Object::list({"a", Object(), 4.5}));
    say("from parent:", end.recv());
    end.close();
  });
  child.start();
  say(parent_end.recv());
  say(parent_end.recv());
  parent_end.send("范冰冰");
  child.join();
}
