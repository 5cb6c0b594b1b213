// SPDX-License-Identifier: MIT
// An end of a pipe goes in a message, to a process that is older than the pipe and answers by it.
#include "impl/examples/say.h"
#include "impl/pipe/pipe.h"
#include "impl/process/process.h"

int main() {
  auto [office, desk] = ipc::Pipe();
  ipc::Process clerk([&desk = desk] {
    const ipc::Object letter = desk.recv();
    ipc::Connection answer = letter[1].as_handle();
    answer.send("hello " + letter[0].as_text());
  });
  clerk.start();
  auto [here, there] = ipc::Pipe();  // which the clerk has not inherited
  office.send(ipc::Object::list({"amy", there}));
  there.close();
  say(here.recv());
  clerk.join();
  say("exit code", *clerk.exitcode());
}
