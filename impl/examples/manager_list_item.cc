// SPDX-License-Identifier: MIT
// A child changes an item of a manager's list, and the parent sees it. Python's num[0] -= 1 is two
// calls there as here, a get and a set: what another process sets between them is lost.
#include "impl/examples/say.h"
#include "impl/manager/manager.h"
#include "impl/process/process.h"

int main() {
  const ipc::Manager m;
  const ipc::ListProxy num = m.list(ipc::Object::list({1, 2, 3}));
  ipc::Process child([&] {
    num[0] = num[0].get().as_integer() - 1;
    say("in the child", num);
  });
  child.start();
  child.join();
  say("in the parent", num);

  ipc::Process another([&] { num[0] = 1; });
  another.start();
  another.join();
  say("set to 1", num);
}
