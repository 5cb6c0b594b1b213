// SPDX-License-Identifier: MIT
#include "impl/driver/end_checks_test.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "impl/driver/leftovers_test.h"
#include "impl/os/mapping.h"
#include "impl/os/stepped_test.h"

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

namespace {

constexpr std::chrono::seconds kHang{10};  // beyond any deadline of a call

// Waits until the observer ends, or has made no step for so long that a call must hang.
bool comes_to_an_end(Peer& observer, const Signal& step) {
  std::uint32_t steps = step.raised();
  for (Deadline limit = Deadline::after(kHang); !limit.passed();) {
    if (observer.wait(Deadline::after(kShort))) return true;
    if (step.raised() == steps) continue;
    steps = step.raised();
    limit = Deadline::after(kHang);
  }
  return false;
}

}  // namespace

void expect_as_stated(const Traits& traits,
                      const std::function<AfterKill(Victim, Signal& step)>& measure) {
  constexpr int kTimes = 5;
  struct State {
    const char* doing;
    Victim victim;
    AfterKill stated;
    Shared<std::atomic<AfterKill>> seen{AfterKill::nothing};
    Signal step{};
    std::optional<Peer> observer{};
    bool done = false;
  };
  State states[] = {{"idle", Victim::idle, traits.killed.idle},
                    {"sending", Victim::sending, traits.killed.sending},
                    {"receiving", Victim::receiving, traits.killed.receiving}};
  for (int left = traits.survives_kill ? 1 : kTimes; left > 0; --left) {
    for (State& state : states) {  // all at once: they wait for most of their time
      if (state.done) continue;
      *state.seen = AfterKill::hang;
      state.observer.emplace(Peers::processes,
                             [&] { *state.seen = measure(state.victim, state.step); });
    }
    for (State& state : states) {
      if (state.done) continue;
      comes_to_an_end(*state.observer, state.step) ? state.observer->finish()
                                                   : state.observer->kill();
      const AfterKill seen = *state.seen;
      state.done = seen == state.stated;
      // Who promises nothing may be lucky, but not always.
      expect(state.done || (seen < state.stated && left > 1), "killed while ", state.doing, ": ",
             to_string(seen), ", but its traits say ", to_string(state.stated));
    }
  }
}

namespace {

// The golden section of a number, or one near it that has no divisor in common with it: its
// multiples, modulo the number, are spread evenly however many are taken, and in the end are all.
int coprime_below(int number) {
  int found = static_cast<int>(number * 0.618);
  while (std::gcd(found, number) != 1) --found;
  return found;
}

// A user that is killed inside its call.
struct KilledThere {
  Role role;
  std::optional<int> instruction;  // of its call, which may be over before; none: after all
  Signal steps{};                  // instructions that it came to, and its end
  Shared<std::atomic<bool>> killed{false};
  Shared<std::atomic<bool>> timed_out{false};  // as others are then
};

std::vector<pid_t> children_of_this_thread() {
  std::vector<pid_t> found;
  std::ifstream children("/proc/thread-self/children");
  for (pid_t child; children >> child;) found.push_back(child);
  return found;
}

void kill_inside(const Subject& subject, KilledThere& victim, const Others& others) {
  stay_on_one_cpu();
  const bool sends = victim.role == Role::sender;
  const auto link = subject.make({.message_bytes = kHeldUpBytes, .max_items = 8});
  const std::vector<pid_t> helpers = children_of_this_thread();
  Buffer message;
  fill(message, kHeldUpBytes, 0);
  Stepped user([&] {
    const End end = sends ? link->open_sender() : link->open_receiver();
    mark();
    static_cast<void>(sends ? end->send(message.bytes()) : end->receive(message));
    mark();
  });
  const End here = sends ? link->open_receiver() : link->open_sender();
  expect_status(others.before(*here, victim.role), Status::ok, "before the kill");
  for (const pid_t helper : helpers) ::kill(helper, SIGSTOP);  // it notices only what is left
  if (victim.instruction) {
    for (int i = 0; i < *victim.instruction && user.step(); ++i) victim.steps.raise();
  } else {
    user.to_mark();  // many times as fast
  }
  user.kill();
  for (const pid_t helper : helpers) ::kill(helper, SIGCONT);
  *victim.killed = true;
  victim.steps.raise();
  *victim.timed_out = others.after(*here, victim.role) == Status::timed_out;
}

}  // namespace

void expect_others_held_up(const Subject& subject, const Others& others) {
  constexpr int kAfter = 2;   // times it is killed after its call
  constexpr int kMost = 200;  // times it is killed inside, of a call with more instructions
  const bool may_hang = subject.traits.killed.inside == AfterKill::hang;
  int kills = 0;
  int time_outs = 0;
  for (const Role role : {Role::sender, Role::receiver}) {
    int all = 0;  // the steps of its call, once they are known
    for (int round = -kAfter; round <= std::min(all, kMost); ++round) {
      KilledThere victim{.role = role, .instruction = std::nullopt};
      if (round == 0) victim.instruction = std::numeric_limits<int>::max();
      if (round > 0) {
        victim.instruction = static_cast<int>(std::int64_t{round} * coprime_below(all) % all);
      }
      Peer observer(Peers::processes, [&] { kill_inside(subject, victim, others); });
      const Deadline limit = Deadline::after(2 * patience);  // of the way to the kill
      bool ended;
      do {
        ended = comes_to_an_end(observer, victim.steps);
      } while (!ended && !*victim.killed && !limit.passed());
      if (!ended) {
        observer.kill();
        expect(*victim.killed, "a call that ought not to wait does");
        expect(may_hang, "a call goes on after its deadline");
        return;
      }
      observer.finish();
      if (round == 0) all = static_cast<int>(victim.steps.raised());
      ++kills;
      if (*victim.timed_out) ++time_outs;
      if (time_outs != 0 && !may_hang) return;
    }
  }
  fail("a user was killed " + std::to_string(kills) + " times in its calls, timed others out " +
       std::to_string(time_outs) + " times and held nobody up for ever, as its traits say");
}

// ---- Excuses

std::optional<std::string> needs_survival(const Traits& traits) {
  if (traits.survives_kill) return std::nullopt;
  return "it does not promise to survive a killed user";
}

std::optional<std::string> needs_hang(const Traits& traits) {
  if (traits.killed.inside < AfterKill::time_out) {
    return "a user killed inside a call holds nobody up for ever";
  }
  if (!can_step()) return "ptrace is forbidden here";
  return std::nullopt;
}

std::optional<std::string> needs_unsanitized(const Traits& traits) {
#ifdef __SANITIZE_ADDRESS__
  if (traits.survives_kill) return "a sanitizer sees the same in the checks of what it survives";
#endif
  static_cast<void>(traits);
  return std::nullopt;
}

std::optional<std::string> needs_letting_go(const Traits& traits) {
  if (traits.lets_go) return std::nullopt;
  return "what an endpoint has opened is at times closed with its process only";
}

}  // namespace ipc
