// SPDX-License-Identifier: MIT
#include "bench/harness/team.h"

#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "bench/harness/cost.h"
#include "bench/harness/stop.h"
#include "impl/os/affinity.h"
#include "impl/os/error.h"

namespace ipc::bench {
namespace {

// The start line is this far ahead, so that every peer has its plan when it comes.
constexpr std::int64_t kStartDelayNs = 1'000'000;
constexpr int kStartupSeconds = 30;

// What goes over the control sockets. Both sides are one program: plain structs will do.
struct Order {
  LoopPlan plan;
  std::int64_t start_ns = 0;  // 0: at once
  bool report_cost = false;   // no plan: say what the last one cost
};
struct Ready {
  bool ok = false;
  char error[200] = {};
};
struct Report {
  LoopResult result;
  char error[200] = {};  // what the job threw
};
void add(const Cost& cost, Bill& bill) {
  bill.cpu_ns += cost.cpu_ns;
  bill.voluntary_switches += cost.voluntary_switches;
  bill.involuntary_switches += cost.involuntary_switches;
}

template <class Message>
void tell(int control, const Message& message) {
  if (send(control, &message, sizeof message, MSG_NOSIGNAL) != sizeof message) {
    throw_errno("send over a control socket");
  }
}

// False at end of file: the owner of the team is gone.
template <class Message>
bool hear(int control, Message& message) {
  for (;;) {
    const ssize_t n = recv(control, &message, sizeof message, 0);
    if (n == sizeof message) return true;
    if (n < 0 && errno == EINTR) continue;
    return false;
  }
}

Report run_job(const Job& job, const LoopPlan& plan) {
  Report report;
  try {
    report.result = job(plan);
  } catch (const std::exception& error) {
    std::string(error.what()).copy(report.error, sizeof report.error - 1);
  }
  return report;
}

// The life of a peer, in its own process.
int serve(int control, const Role& role, int cpu) {
  Job job;
  Ready ready;
  try {
    if (cpu >= 0) pin_to_cpu(cpu);
    job = role.open();
    ready.ok = true;
  } catch (const std::exception& error) {
    std::string(error.what()).copy(ready.error, sizeof ready.error - 1);
  }
  tell(control, ready);
  const auto cost_of_all = [&] { return role.has_children ? cost_of_children() : Cost(); };
  Order order;
  Cost before;
  while (hear(control, order)) {
    if (order.report_cost) {
      const Cost own = cost_so_far();  // first, and last before a batch: looking is not billed
      tell(control, own + cost_of_all() - before);
      continue;
    }
    while (monotonic_ns() < order.start_ns) {
    }
    before = cost_of_all();
    before = before + cost_so_far();
    tell(control, run_job(job, order.plan));
  }
  return 0;
}

const char* describe(Fault fault) {
  switch (fault) {
    case Fault::none:
      return "no fault";
    case Fault::status:
      return "the transport said ";
    case Fault::wrong_size:
      return "a message of the wrong size";
    case Fault::torn:
      return "a message whose bytes do not belong together";
    case Fault::lost:
      return "a message was lost";
    case Fault::out_of_order:
      return "a message came twice or out of order";
    case Fault::unknown_sender:
      return "a message from nobody";
  }
  return "an unknown fault";
}

// What a peer's message says is wrong, to be told after its name; empty when nothing is.
std::string complaint(const Ready& ready) {
  return ready.ok ? "" : std::string(" could not start: ") + ready.error;
}
std::string complaint(const Report& report) {
  if (report.error[0] != 0) return std::string(": ") + report.error;
  const LoopResult& result = report.result;
  if (result.fault == Fault::none) return "";
  std::string what = describe(result.fault);
  if (result.fault == Fault::status) what += to_string(result.status);
  return ", message " + std::to_string(result.messages) + " of the batch: " + what;
}
std::string complaint(const Cost& cost) {
  return cost.cpu_ns < 0 ? ": a process that it had started has ended, with its bill" : "";
}

}  // namespace

Team::Team(TeamPlan plan, const RunOptions& options)
    : plan_(std::move(plan)),
      options_(options),
      messages_(options.messages),
      multiple_(static_cast<std::uint64_t>(plan_.multiple)) {
  const std::size_t count = plan_.producers.size() + plan_.consumers.size();
  const std::vector<int> cpus = allowed_cpus();
  // `same` uses the last CPU: the first one serves most interrupts.
  const auto cpu_of = [&](std::size_t index) {
    if (plan_.placement == Placement::free) return -1;
    return plan_.placement == Placement::same ? cpus.back() : cpus[index % cpus.size()];
  };
  spin_start_ = plan_.placement == Placement::cross && count <= cpus.size();
  helpers_.reserve(plan_.helpers.size());
  for (const Helper& helper : plan_.helpers) start(helper, cpu_of(count + helpers_.size()));
  peers_.reserve(count);
  for (const auto* roles : {&plan_.consumers, &plan_.producers}) {
    for (const Role& role : *roles) {
      multiple_ = std::lcm(multiple_, static_cast<std::uint64_t>(role.share));
      start(role, cpu_of(peers_.size()));
    }
  }
  if (plan_.after_fork) plan_.after_fork();
  answers<Ready>(Deadline::after(std::chrono::seconds(kStartupSeconds)));
  warm_up();
}

Team::~Team() = default;  // the children are killed and reaped by their owners

void Team::start(const Helper& helper, int cpu) {
  helpers_.push_back({&helper, fork_child([&] {
                        if (cpu >= 0) pin_to_cpu(cpu);
                        helper.serve();
                        return 1;  // nobody has told it to end
                      })});
}

void Team::start(const Role& role, int cpu) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  Child child = fork_child([&] {
    ours.reset();
    for (Peer& other : peers_) other.control.reset();
    return serve(theirs.get(), role, cpu);
  });
  peers_.push_back({&role, std::move(child), std::move(ours), 0});
}

// Who ended and how, if one did. A death is told before what it did to the others.
void Team::throw_if_dead() {
  const auto look = [](const std::string& name, Child& child) {
    if (const auto status = child.wait(Deadline::now())) {
      throw std::runtime_error(name + " ended early with status " + std::to_string(*status));
    }
  };
  for (RunningHelper& helper : helpers_) look(helper.plan->name, helper.child);
  for (Peer& peer : peers_) look(peer.role->name, peer.child);
}

// One message from every peer, in their order. The first that is a complaint, or a death, also of a
// helper, ends the run: the others may be waiting for that peer.
template <class Message>
std::vector<Message> Team::answers(Deadline deadline) {
  std::vector<Message> messages(peers_.size());
  std::vector<pollfd> waiting;
  for (const Peer& peer : peers_) waiting.push_back({peer.control.get(), POLLIN, 0});
  for (const RunningHelper& helper : helpers_) waiting.push_back({helper.child.pidfd(), POLLIN, 0});
  for (std::size_t left = peers_.size(); left != 0;) {
    const timespec limit = deadline.remaining();
    const int ready = poll_or_stop(waiting, limit);
    if (ready < 0 && errno != EINTR) throw_errno("poll of the peers");
    const auto helpers = waiting.begin() + static_cast<std::ptrdiff_t>(peers_.size());
    if (ready > 0 && std::any_of(helpers, waiting.end(),
                                 [](const pollfd& helper) { return helper.revents != 0; })) {
      throw_if_dead();
    }
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      if (waiting[i].fd < 0) continue;
      if (ready == 0) throw std::runtime_error(peers_[i].role->name + " did not answer in time");
      if (ready < 0 || waiting[i].revents == 0) continue;
      if (!hear(waiting[i].fd, messages[i])) {
        peers_[i].child.wait(Deadline::after(std::chrono::seconds(1)));
        throw_if_dead();
        throw std::runtime_error(peers_[i].role->name + " closed its control socket");
      }
      if (const std::string wrong = complaint(messages[i]); !wrong.empty()) {
        throw_if_dead();
        throw std::runtime_error(peers_[i].role->name + wrong);
      }
      waiting[i].fd = -1;  // poll passes over it
      --left;
    }
  }
  return messages;
}

// Batches of growing size until one takes long enough; the number of messages for kBatchSeconds
// follows from it. With a given number, one batch of that.
void Team::warm_up() {
  if (messages_ != 0) {
    messages_ = (messages_ + multiple_ - 1) / multiple_ * multiple_;
    run(messages_);
  } else {
    std::uint64_t messages = multiple_;
    double seconds = run(messages);
    // Asked twice before it is believed: one interruption must not pass for a slow transport.
    while (seconds < kBatchSeconds / 2 || (seconds = run(messages)) < kBatchSeconds / 2) {
      messages *= 2;
      seconds = run(messages);
    }
    const double wanted = static_cast<double>(messages) * kBatchSeconds / seconds;
    messages_ =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted) / multiple_) * multiple_;
  }
  bill_ = {};
  if (plan_.round_trips) **plan_.round_trips = Histogram();
}

double Team::batch() { return run(messages_); }

double Team::run(std::uint64_t messages) {
  const auto limit = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(options_.time_limit));
  const Deadline deadline = Deadline::after(limit);
  std::vector<Cost> helpers_before;
  for (const RunningHelper& helper : helpers_) {
    helpers_before.push_back(cost_so_far(helper.child.pid()));
  }
  const std::int64_t start_ns = spin_start_ ? monotonic_ns() + kStartDelayNs : 0;
  for (Peer& peer : peers_) {
    const std::uint64_t share = messages / static_cast<std::uint64_t>(peer.role->share);
    tell(peer.control.get(), Order{.plan = {.bytes = plan_.bytes,
                                            .messages = share,
                                            .producer = peer.role->number,
                                            .first_sequence = peer.sequence,
                                            .arrival = peer.role->arrival,
                                            .carriage = plan_.carriage},
                                   .start_ns = start_ns});
    peer.sequence += share;
  }
  std::vector<LoopResult> results;
  for (const Report& report : answers<Report>(deadline)) results.push_back(report.result);
  const double seconds = duration(results);
  done_ += messages;
  if (const auto wrong = plan_.check ? plan_.check(done_) : std::nullopt) {
    throw std::runtime_error(*wrong);
  }
  for (Peer& peer : peers_) tell(peer.control.get(), Order{.plan = {}, .report_cost = true});
  for (const Cost& cost : answers<Cost>(deadline)) add(cost, bill_);
  for (std::size_t i = 0; i < helpers_.size(); ++i) {
    const Cost cost = cost_so_far(helpers_[i].child.pid()) - helpers_before[i];
    if (const std::string wrong = complaint(cost); !wrong.empty()) {
      throw std::runtime_error(helpers_[i].plan->name + wrong);
    }
    add(cost, bill_);
  }
  bill_.messages += messages;
  bill_.seconds += seconds;
  return seconds;
}

// The consumers come first in `results`, as the peers do.
double Team::duration(const std::vector<LoopResult>& results) const {
  const auto first_producer = results.begin() + static_cast<std::ptrdiff_t>(plan_.consumers.size());
  if (plan_.clock == Clock::first_role) {
    return static_cast<double>(first_producer->end_ns - first_producer->begin_ns) * 1e-9;
  }
  std::uint64_t balance = 0;
  std::int64_t begin_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t end_ns = 0;
  if (plan_.clock == Clock::all) {
    for (const LoopResult& result : results) {
      begin_ns = std::min(begin_ns, result.begin_ns);
      end_ns = std::max(end_ns, result.end_ns);
    }
    return static_cast<double>(end_ns - begin_ns) * 1e-9;
  }
  for (auto result = first_producer; result != results.end(); ++result) {
    balance += result->sum;
    begin_ns = std::min(begin_ns, result->begin_ns);
  }
  for (auto result = results.begin(); result != first_producer; ++result) {
    balance -= result->sum;
    end_ns = std::max(end_ns, result->end_ns);
  }
  if (balance != 0) throw std::runtime_error("the consumers did not get what the producers sent");
  if (end_ns <= begin_ns) {  // null: its consumers wait for nobody
    for (const LoopResult& result : results) begin_ns = std::min(begin_ns, result.begin_ns);
  }
  return static_cast<double>(end_ns - begin_ns) * 1e-9;
}

}  // namespace ipc::bench
