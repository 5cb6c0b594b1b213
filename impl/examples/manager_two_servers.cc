// SPDX-License-Identifier: MIT
// A dict and a list of two managers, each in a server process of its own. Ten children write to
// both: the dict has what was set last, the list has ten more, for each append is one call.
#include <vector>

#include "impl/examples/say.h"
#include "impl/manager/manager.h"
#include "impl/process/process.h"

int main() {
  const ipc::Manager one, another;
  say(one.pid() != another.pid() ? "two servers" : "one server");
  const ipc::DictProxy d = one.dict();
  const ipc::ListProxy l = another.list(ipc::Object::list({0, 1, 2, 3, 4}));

  std::vector<ipc::Process> children;
  for (int i = 0; i < 10; ++i) {
    children.emplace_back([&] {
      d[1] = "1";
      d["2"] = 2;
      l.append(1);
    });
    children.back().start();
  }
  for (ipc::Process& child : children) child.join();
  say(d);
  say(l);
}
