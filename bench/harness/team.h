// SPDX-License-Identifier: MIT
// The peers of one process run: forked, placed, started together, watched, billed and ended. The
// process that owns a Team only sleeps while they work.
//
// A batch: every peer gets its plan over a control socket of its own; if each peer has a CPU to
// itself they spin to one published instant and so begin together. The clock of a stream starts at
// the first send and stops when the last consumer has the last message. When all have reported, the
// CPU time and the context switches of each are read, so that what a helper thread did late is
// billed too. A peer that dies, reports a fault or does not answer in time ends the run with
// std::runtime_error, which says who and why; no peer outlives its Team. Being asked to end does so
// with Stopped (stop.h).
//
// A helper (a broker) is started before the peers, placed by the same rule, as if it came after
// them, and gets no batches. What it costs between the start of a batch and the last report is
// billed; its death ends the run as a peer's does, and no helper outlives its Team.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "impl/driver/histogram.h"
#include "impl/driver/loops.h"
#include "impl/os/child.h"
#include "impl/os/mapping.h"
#include "impl/os/unique_fd.h"

namespace ipc::bench {

enum class Placement {
  same,   // all peers on one CPU
  cross,  // spread over different ones
  free,   // the scheduler decides
};

// What the command line fixes for every series of a run.
struct RunOptions {
  std::uint64_t messages = 0;  // of a batch; 0: calibrate to about kBatchSeconds
  int batches = 5;
  std::size_t capacity_bytes = 65536;  // asked of each transport
  double time_limit = 10;              // seconds for one batch
};
inline constexpr double kBatchSeconds = 0.02;

// What one peer does with a batch. Made by Role::open in the peer's process.
using Job = std::function<LoopResult(const LoopPlan&)>;

struct Role {
  std::string name;          // for error messages: "producer 1"
  std::uint32_t number = 0;  // among those of its kind; a producer's number in its tags
  int share = 1;             // takes a batch's messages divided by this
  Arrival arrival = Arrival::consecutive;  // a consumer's
  bool has_children = false;               // it starts processes, which are billed with it
  std::function<Job()> open;
};

// A process beside the peers.
struct Helper {
  std::string name;  // for error messages: "broker"
  std::function<void()> serve;
};

enum class Clock {
  first_role,  // round trips and floors: the first role's own window
  stream,      // from the start to the moment the last consumer has the last message
  all,         // from the moment when the first of all roles starts until the last one is done
};

struct TeamPlan {
  std::size_t bytes = 0;
  Carriage carriage = Carriage::copies;
  Placement placement = Placement::free;
  Clock clock = Clock::first_role;
  std::vector<Role> producers;  // or all roles of a round trip
  std::vector<Role> consumers;
  std::vector<Helper> helpers;
  std::shared_ptr<void> backend;  // kept while the peers live
  // Asked after each batch, with the number of messages of all batches so far: what is wrong.
  std::function<std::optional<std::string>(std::uint64_t messages)> check;
  std::function<void()> after_fork;  // in the owner: lets go of what only the peers shall hold
  std::size_t capacity_bytes = 0;    // achieved; 0 if it has none
  int multiple = 1;                  // batches must be divisible by it, and by each role's share
  std::shared_ptr<Shared<Histogram>> round_trips;  // filled by the first role; may be empty
};

// Sums over the peers, helpers and batches measured so far.
struct Bill {
  std::uint64_t messages = 0;
  double seconds = 0;
  double cpu_ns = 0;
  double voluntary_switches = 0;
  double involuntary_switches = 0;
};

class Team {
 public:
  // Forks the peers, warms them up and calibrates. Throws std::system_error, std::runtime_error.
  Team(TeamPlan plan, const RunOptions& options);
  ~Team();

  // Runs one batch and returns its duration in seconds.
  double batch();

  std::uint64_t messages_per_batch() const { return messages_; }
  std::size_t capacity_bytes() const { return plan_.capacity_bytes; }
  const Bill& bill() const { return bill_; }
  // Of the batches measured so far, nothing where none are recorded.
  const Histogram* round_trips() const {
    return plan_.round_trips ? &**plan_.round_trips : nullptr;
  }

 private:
  struct Peer {
    const Role* role;
    Child child;
    UniqueFd control;
    std::uint64_t sequence;  // messages that it was told to take so far
  };

  struct RunningHelper {
    const Helper* plan;
    Child child;
  };

  void start(const Helper& helper, int cpu);
  void start(const Role& role, int cpu);
  void warm_up();
  double run(std::uint64_t messages);
  template <class Message>
  std::vector<Message> answers(Deadline deadline);
  void throw_if_dead();
  double duration(const std::vector<LoopResult>& results) const;

  TeamPlan plan_;
  const RunOptions options_;
  bool spin_start_;
  std::uint64_t messages_;
  std::uint64_t done_ = 0;  // messages of all batches, also those that warmed up
  std::uint64_t multiple_;  // batches must be divisible by this
  std::vector<RunningHelper> helpers_;
  std::vector<Peer> peers_;
  Bill bill_;
};

}  // namespace ipc::bench
