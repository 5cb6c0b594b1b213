// SPDX-License-Identifier: MIT
// A child that receives until the end of the stream, and the two mistakes by each of which it never
// comes: the child keeps its copy of the parent's end, and the parent joins before it has closed
// its own. Such a join waits for ever.
#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"
#include "impl/process/process.h"

namespace {

void receive_all(ipc::Connection& end) {
  end.send(ipc::Object::list({42, ipc::Object(), "hello"}));
  try {
    while (true) say(end.recv());
  } catch (const ipc::EndOfFile&) {
    say("end of file");
  }
}

}  // namespace

int main() {
  {
    auto [ours, theirs] = ipc::Pipe();
    ipc::Process child([&end = theirs] { receive_all(end); });
    child.start();
    say(ours.recv());
    ours.send("666");
    if (!child.join(1.0)) say("the child waits for ever");
    child.terminate();
    child.join();
    say("terminated:", *child.exitcode());
  }
  {
    auto [ours, theirs] = ipc::Pipe();
    ipc::Process child([&other = ours, &end = theirs] {
      other.close();
      receive_all(end);
    });
    child.start();
    theirs.close();
    say(ours.recv());
    ours.send("666");
    ours.close();
    child.join();
    say("ended:", *child.exitcode());
  }
}
