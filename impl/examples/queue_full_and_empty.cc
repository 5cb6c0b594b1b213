// SPDX-License-Identifier: MIT
// What a queue of five says and does while it fills and empties.
#include "impl/examples/say.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

namespace {

template <class Error>
void expect(const char* what, auto call) {
  try {
    call();
    say(what, "works");
  } catch (const Error& error) {
    say(what, "raises", error.what());
  }
}

}  // namespace

int main() {
  ipc::Queue<int> queue(5);
  say("empty", queue.empty(), "full", queue.full());
  for (int i = 0; i < 5; ++i) queue.put(i);
  say("full", queue.full(), "qsize", queue.qsize());
  expect<ipc::Full>("put_nowait", [&] { queue.put_nowait(5); });
  expect<ipc::Full>("put for 0.1 s", [&] { queue.put(5, true, 0.1); });
  ipc::Process waiting([&] { queue.put(5); });
  waiting.start();
  if (!waiting.join(0.3)) say("put waits");

  say("get", queue.get());
  waiting.join();
  say("put is done, full", queue.full());
  for (int i = 1; i < 6; ++i) say("get", queue.get());
  say("empty", queue.empty());
  expect<ipc::Empty>("get_nowait", [&] { queue.get_nowait(); });
  expect<ipc::Empty>("get for 0.1 s", [&] { queue.get(true, 0.1); });
}
