// SPDX-License-Identifier: MIT
// The end of a stream comes when every copy of the sending end is closed, and after all that was
// sent. Who must close what, in four variants; the second and the fourth wait for ever.
#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"
#include "impl/process/process.h"

namespace {

struct Variant {
  const char* what;
  bool child_closes_con1 = true;
  bool parent_closes_con2 = true;
  bool parent_closes_con1 = true;
};

// A program that waits for its child at its end.
void run(const Variant& variant) {
  auto [con1, con2] = ipc::Pipe();
  ipc::Process child([&variant, &sender = con1, &receiver = con2] {
    if (variant.child_closes_con1) sender.close();
    try {
      for (int next = 0; receiver.recv<int>() == next; ++next) {
        if (next == 9) say(variant.what, "0 to 9");
      }
    } catch (const ipc::EndOfFile&) {
      say(variant.what, "the end");
    }
  });
  child.start();
  if (variant.parent_closes_con2) con2.close();
  for (int i = 0; i < 10; ++i) con1.send(i);
  if (variant.parent_closes_con1) con1.close();
}

void show(const Variant& variant) {
  ipc::Process program([&variant] { run(variant); });
  program.start();
  if (program.join(2.0)) {
    if (program.exitcode() != 0) say(variant.what, "exit code", program.exitcode().value());
    return;
  }
  say(variant.what, "waits for ever");
  program.kill();  // and its child with it
}

}  // namespace

int main() {
  show({.what = "all close what they do not use:"});
  show({.what = "the child keeps con1:", .child_closes_con1 = false});
  show({.what = "the parent keeps con2:", .parent_closes_con2 = false});
  show({.what = "the parent keeps con1:", .parent_closes_con1 = false});
}
