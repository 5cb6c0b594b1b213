// SPDX-License-Identifier: MIT
// What a queue of five says and does while it fills and empties.
#include <chrono>

#include "impl/examples/say.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

namespace {

constexpr double kTime = 0.1;  // seconds

// A call that must fail, at once or when the time is over.
template <class Error>
void expect(const char* what, auto call) {
  const auto begin = std::chrono::steady_clock::now();
  try {
    call();
    say(what, "works");
  } catch (const Error& error) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    say(what, "raises", error.what(), took.count() < kTime ? "at once" : "after its time");
  }
}

}  // namespace

int main() {
  ipc::Queue<int> queue(5);
  say("empty", queue.empty(), "full", queue.full());
  for (int i = 0; i < 5; ++i) queue.put(i);
  say("full", queue.full(), "qsize", queue.qsize());
  expect<ipc::Full>("put_nowait", [&] { queue.put_nowait(5); });
  expect<ipc::Full>("put for a time", [&] { queue.put(5, true, kTime); });
  ipc::Process writer([&] { queue.put(5); });
  writer.start();
  if (!writer.join(0.3)) say("put waits");
  say("get", queue.get());
  writer.join();
  say("put is done, full", queue.full());

  for (int i = 1; i < 6; ++i) say("get", queue.get());
  say("empty", queue.empty());
  expect<ipc::Empty>("get_nowait", [&] { queue.get_nowait(); });
  expect<ipc::Empty>("get for a time", [&] { queue.get(true, kTime); });
  ipc::Process reader([&] { say("the reader gets", queue.get()); });
  reader.start();
  if (!reader.join(0.3)) say("get waits");
  queue.put(6);
  reader.join();
}
