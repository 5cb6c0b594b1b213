// SPDX-License-Identifier: MIT
#include "impl/driver/end_checks_test.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

#include "impl/driver/leftovers_test.h"
#include "impl/os/mapping.h"

namespace ipc {
namespace {

using End = std::unique_ptr<AnyEndpoint>;

constexpr std::chrono::milliseconds kShort{20};

}  // namespace

void check_killed_sender(const Subject& subject) {
  constexpr std::uint64_t kMessages = 3000;  // more than a transport holds: flush() has to wait
  Signal flushed;
  Linked link(subject, {}, Role::receiver, [&](End out) {
    for (std::uint64_t i = 0; i < kMessages; ++i) send_numbered(*out, 64, i, Calls::plain);
    expect_status(out->flush(Deadline::after(patience)), Status::ok, "flush");
    flushed.raise();
    wait_for_the_kill();
  });
  AnyEndpoint& in = link.here();
  Buffer message;
  std::uint64_t got = 0;
  while (flushed.raised() == 0) {
    const Status status = in.receive_until(message, Deadline::after(kShort));
    if (status == Status::timed_out) continue;
    expect_status(status, Status::ok, "receive of message ", got);
    expect_numbered(message, 64, got++);
  }
  link.peer().kill();
  while (got < kMessages) receive_numbered(in, 64, got++);
  for (int again = 0; again < 3; ++again) {
    expect_status(in.receive_until(message, Deadline::after(kShort)), subject.when_alone,
                  "receive after the last message of a killed sender");
  }
}

namespace {

void use(const Subject& subject) {
  constexpr std::uint64_t kMessages = 20;
  Linked link(subject, {}, Role::receiver, [&](End out) {
    for (std::uint64_t i = 0; i < kMessages; ++i) send_numbered(*out, 64, i);
  });
  for (std::uint64_t i = 0; i < kMessages; ++i) receive_numbered(link.here(), 64, i);
  link.finish();
}

}  // namespace

void check_nothing_left(const Subject& subject) {
  const KernelObjects objects;
  for (int again = 0; again < 3; ++again) use(subject);
  objects.expect_nothing_new();
}

void check_endpoints_let_go(const Subject& subject) {
  use(subject);  // what a library opens once and for all stays
  const Belongings belongings = belongings_of_this_process();
  for (int again = 0; again < 3; ++again) use(subject);
  expect_belongings(belongings);
}

void check_nothing_left_by_kill(const Subject& subject) {
  const KernelObjects objects;
  Signal used;
  Peer victim(Peers::processes, [&] {
    Linked link(subject, {}, Role::receiver, [&](End out) {
      send_numbered(*out, 64, 0);
      wait_for_the_kill();
    });
    receive_numbered(link.here(), 64, 0);
    used.raise();
    wait_for_the_kill();
  });
  used.wait();
  victim.kill();  // its child dies with it
  // The next of its kind cleans up, once that child is gone.
  objects.expect_nothing_new([&subject] { use(subject); });
}

namespace {

struct Activity {
  bool running = false;              // some thread does, or waits for a CPU
  std::chrono::milliseconds cpu{0};  // of all its threads
};

Activity activity_of(pid_t pid) {
  Activity seen;
  const std::string root = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(root)) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("State:\tR")) seen.running = true;
    }
    std::ifstream schedstat(task.path() / "schedstat");
    std::int64_t ns = 0;
    schedstat >> ns;
    seen.cpu += std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(ns));
  }
  return seen;
}

}  // namespace

void settle(const Peer& victim) {
  const Deadline limit = Deadline::after(2 * patience);
  const std::chrono::milliseconds before = activity_of(victim.pid()).cpu;
  for (std::int64_t calm_since = monotonic_ns(); !limit.passed();) {
    nap(kShort);
    const Activity now = activity_of(victim.pid());
    if (now.running) calm_since = monotonic_ns();
    if (now.cpu - before >= kVictimSettles) return;
    if (std::chrono::nanoseconds(monotonic_ns() - calm_since) >= kVictimSettles) return;
  }
  fail("a victim does not settle");
}

void be_victim(AnyEndpoint& end, Victim state, std::size_t bytes, Signal& about_to_be,
               Signal* sent) {
  about_to_be.raise();
  if (state == Victim::sending) {
    for (std::uint64_t i = 0;; ++i) {
      send_numbered(end, bytes, i, Calls::plain);
      if (sent != nullptr) sent->raise();
    }
  }
  Buffer message;
  if (state == Victim::receiving) static_cast<void>(end.receive(message));
  wait_for_the_kill();
}

void expect_as_stated(const Traits& traits, const std::function<AfterKill(Victim)>& measure) {
  constexpr std::chrono::seconds kEnough{15};  // a backend may hang in spite of a deadline
  struct State {
    const char* doing;
    Victim victim;
    AfterKill stated;
    Shared<std::atomic<AfterKill>> seen{AfterKill::hang};
  };
  State states[] = {{"idle", Victim::idle, traits.killed.idle},
                    {"sending", Victim::sending, traits.killed.sending},
                    {"receiving", Victim::receiving, traits.killed.receiving}};
  std::vector<Peer> observers;  // all at once: they wait for most of their time
  for (State& state : states) {
    observers.emplace_back(Peers::processes, [&] { *state.seen = measure(state.victim); });
  }
  const Deadline enough = Deadline::after(kEnough);
  for (Peer& observer : observers) {
    observer.wait(enough) ? observer.finish() : observer.kill();
  }
  for (const State& state : states) {
    const AfterKill seen = *state.seen;
    // Who promises nothing may be lucky.
    const bool good = traits.survives_kill ? seen == state.stated : seen <= state.stated;
    expect(good, "killed while ", state.doing, ": ", to_string(seen), ", but its traits say ",
           to_string(state.stated));
  }
}

void expect_others_held_up(const Traits& traits, const std::function<bool()>& comes_through) {
  constexpr int kRounds = 400;
  for (int round = 0; round < kRounds; ++round) {
    Shared<std::atomic<bool>> through{false};
    Peer observer(Peers::processes, [&] { *through = comes_through(); });
    if (!observer.wait(Deadline::after(2 * kNoNews))) {
      observer.kill();
      expect(traits.killed.inside == AfterKill::hang, "a call goes on after its deadline");
      return;
    }
    observer.finish();
    if (!*through) return;
  }
  fail("a user was killed inside its calls " + std::to_string(kRounds) +
       " times and held nobody up for ever, as its traits say that it does");
}

// ---- Excuses

std::optional<std::string> needs_survival(const Traits& traits) {
  if (traits.survives_kill) return std::nullopt;
  return "it does not promise to survive a killed user";
}

std::optional<std::string> needs_hang(const Traits& traits) {
  if (traits.killed.inside >= AfterKill::time_out) return std::nullopt;
  return "a user killed inside a call holds nobody up for ever";
}

std::optional<std::string> needs_letting_go(const Traits& traits) {
  if (traits.lets_go) return std::nullopt;
  return "what an endpoint has opened is at times closed with its process only";
}

}  // namespace ipc
