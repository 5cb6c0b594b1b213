// SPDX-License-Identifier: MIT
// cpu_bound, io_bound: how much work a second do several workers do, as threads and as processes?
//
//   worker 0  |unit|unit|unit|        a message is a unit: 20 000 rounds of a random generator, or
//   worker 1  |unit|unit|unit|        waiting 1 ms for nothing
//
// pool: the units as tasks of an ipc::Pool. In C++ all three should grow with the CPUs (cpu_bound)
// and with the workers (io_bound); in CPython threads share one lock.
#include <poll.h>

#include <numeric>
#include <thread>

#include "bench/harness/operations.h"
#include "bench/harness/process_peers.h"
#include "impl/process/pool.h"

namespace ipc::bench {
namespace {

using Unit = std::uint64_t (*)(std::uint64_t);

std::uint64_t compute(std::uint64_t seed) {
  std::uint64_t x = seed | 1;
  for (int i = 0; i < 20'000; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  return x;
}

std::uint64_t wait_a_while(std::uint64_t seed) {
  poll(nullptr, 0, 1);
  return seed;
}

void work(Unit unit, std::uint64_t count) {
  std::uint64_t x = 1;
  for (std::uint64_t i = 0; i < count; ++i) x = unit(x);
  asm volatile("" : : "r"(x));  // the compiler must believe that somebody wants it
}

std::unique_ptr<Team> by_processes(Unit unit, const Keys& keys, const RunOptions& options) {
  TeamPlan plan;
  plan.placement = *keys.placement;
  plan.clock = Clock::all;
  for (int i = 0; i < keys.processes; ++i) {
    plan.producers.push_back({.name = "worker " + std::to_string(i),
                              .number = static_cast<std::uint32_t>(i),
                              .share = keys.processes,
                              .open = [unit]() -> Job {
                                return [unit](const LoopPlan& batch) {
                                  LoopResult result;
                                  result.begin_ns = monotonic_ns();
                                  work(unit, batch.messages);
                                  result.end_ns = monotonic_ns();
                                  result.messages = batch.messages;
                                  return result;
                                };
                              }});
  }
  return std::make_unique<Team>(std::move(plan), options);
}

// One peer, which does a batch by `part`, called with each worker's share of it.
template <class Together>
std::unique_ptr<Team> by_one_peer(const Keys& keys, const RunOptions& options, bool has_children,
                                  Together together) {
  const auto open = [together, workers = static_cast<std::uint64_t>(keys.processes)]() -> Job {
    const auto all = together(workers);
    return [all, workers](const LoopPlan& batch) {
      LoopResult result;
      result.begin_ns = monotonic_ns();
      all(batch.messages / workers);
      result.end_ns = monotonic_ns();
      result.messages = batch.messages;
      return result;
    };
  };
  TeamPlan plan;
  plan.placement = *keys.placement;
  plan.clock = Clock::all;
  plan.producers = {{.name = "worker", .has_children = has_children, .open = open}};
  plan.multiple = keys.processes;
  return std::make_unique<Team>(std::move(plan), options);
}

std::unique_ptr<Team> by_threads(Unit unit, const Keys& keys, const RunOptions& options) {
  return by_one_peer(keys, options, false, [unit](std::uint64_t workers) {
    return [unit, workers](std::uint64_t each) {
      std::vector<std::thread> threads;
      for (std::uint64_t i = 0; i < workers; ++i) threads.emplace_back([=] { work(unit, each); });
      for (std::thread& thread : threads) thread.join();
    };
  });
}

std::unique_ptr<Team> by_pool(Unit unit, const Keys& keys, const RunOptions& options) {
  return by_one_peer(keys, options, true, [unit](std::uint64_t workers) {
    const auto pool = std::make_shared<Pool>(static_cast<int>(workers));
    return [unit, workers, pool](std::uint64_t each) {
      pool->map(unit, std::vector<std::uint64_t>(each * workers, 1));
    };
  });
}

using Start = std::unique_ptr<Team> (*)(Unit, const Keys&, const RunOptions&);

const ProcessBackend kBackends[] = {
    {"processes", "processes forked before, which share nothing", "fork(2)", nullptr},
    {"threads", "std::thread, started for each batch", "pthread_create(3)", nullptr},
};

const RegisterBackends registered_backends([] { return listed_backends(kBackends); });

const RegisterQuestion registered([] {
  std::vector<Series> series;
  for (const auto& [question, unit] :
       {std::pair<const char*, Unit>("cpu_bound", compute), {"io_bound", wait_a_while}}) {
    for (const auto& [backend, start] : std::initializer_list<std::pair<const char*, Start>>{
             {"processes", by_processes}, {"threads", by_threads}, {"pool", by_pool}}) {
      for (const int workers : {1, 2, 4}) {
        series.push_back(process_series(
            question, backend, {.processes = workers, .placement = Placement::free},
            [unit = unit, start = start](const Keys& keys, const RunOptions& options) {
              return start(unit, keys, options);
            }));
      }
    }
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
