// SPDX-License-Identifier: MIT
// cpu_bound, io_bound: how much work a second do several workers do, as threads and as processes?
//
//   worker 0  |unit|unit|unit|        a message is a unit: 20 000 rounds of a random generator, or
//   worker 1  |unit|unit|unit|        waiting 1 ms for nothing
//
// pool: the units as tasks of an ipc::Pool. In C++ all three should grow with the CPUs (cpu_bound)
// and with the workers (io_bound); in CPython threads share one lock.
#include <poll.h>

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
                              .open = [unit] {
                                return whole(
                                    [unit](const LoopPlan& batch) { work(unit, batch.messages); });
                              }});
  }
  return std::make_unique<Team>(std::move(plan), options);
}

std::unique_ptr<Team> by_threads(Unit unit, const Keys& keys, const RunOptions& options) {
  const auto open = [unit, workers = static_cast<std::uint64_t>(keys.processes)] {
    return whole([unit, workers](const LoopPlan& batch) {
      std::vector<std::thread> threads;
      for (std::uint64_t i = 0; i < workers; ++i) {
        threads.emplace_back([unit, each = batch.messages / workers] { work(unit, each); });
      }
      for (std::thread& thread : threads) thread.join();
    });
  };
  return alone(keys, options, open, false, keys.processes);
}

std::unique_ptr<Team> by_pool(Unit unit, const Keys& keys, const RunOptions& options) {
  const auto open = [unit, workers = keys.processes] {
    const auto pool = std::make_shared<Pool>(workers);
    return whole([unit, pool](const LoopPlan& batch) {
      pool->map(unit, std::vector<std::uint64_t>(batch.messages, 1));
    });
  };
  return alone(keys, options, open, true, keys.processes);
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
