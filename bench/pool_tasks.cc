// SPDX-License-Identifier: MIT
// pool_apply: how many calls a second does a pool answer, one after the other?
// pool_map: how many small tasks a second do its workers do together?
// pool_once: what does it cost to make a pool for so many tasks of so many ms, and to end it?
//
//   user --(task, argument)--> worker      a message is one task: a number squared, and checked;
//   user <------(result)------ worker      of pool_once, the pool with all its tasks
//
// A map has 1000 tasks. process_per_task: the same tasks without a pool, as many processes at a
// time as it has workers.
#include <poll.h>

#include <algorithm>
#include <list>
#include <numeric>

#include "bench/harness/operations.h"
#include "bench/harness/process_peers.h"
#include "impl/os/error.h"
#include "impl/process/pool.h"
#include "impl/process/process.h"
#include "impl/queue/queue.h"

namespace ipc::bench {
namespace {

std::uint64_t square(std::uint64_t x) { return x * x; }
std::uint64_t slow_square(std::uint64_t x, int ms) {
  if (ms != 0) poll(nullptr, 0, ms);
  return square(x);
}

void expect(bool holds) {
  if (!holds) throw Error("a task gave another result than it should");
}

std::unique_ptr<Team> apply(const Keys& keys, const RunOptions& options) {
  const auto open = [workers = keys.processes] {
    const auto pool = std::make_shared<Pool>(workers);
    return repeat([pool, next = std::uint64_t{0}]() mutable {
      ++next;
      expect(pool->apply(square, next) == next * next);
    });
  };
  return alone(keys, options, open, true);
}

// A batch in maps of kMap tasks, the last one shorter. `sum` adds the results of one.
constexpr std::uint64_t kMap = 1000;
template <class Sum>
Job in_maps(Sum sum) {
  return [sum](const LoopPlan& batch) {
    std::vector<std::uint64_t> numbers(std::min(kMap, batch.messages));
    std::iota(numbers.begin(), numbers.end(), batch.first_sequence);
    std::uint64_t all = 0;
    LoopResult result;
    result.begin_ns = monotonic_ns();
    for (std::uint64_t left = batch.messages; left != 0; left -= numbers.size()) {
      numbers.resize(std::min(kMap, left));
      all += sum(numbers);
    }
    result.end_ns = monotonic_ns();
    result.messages = batch.messages;
    std::uint64_t due = 0;
    for (std::uint64_t i = 0; i < batch.messages; ++i) {
      due += square(batch.first_sequence + i % kMap);
    }
    expect(all == due);
    return result;
  };
}

std::unique_ptr<Team> map(const Keys& keys, const RunOptions& options) {
  const auto open = [workers = keys.processes] {
    const auto pool = std::make_shared<Pool>(workers);
    return in_maps([pool](const std::vector<std::uint64_t>& numbers) {
      const std::vector<std::uint64_t> squares = pool->map(square, numbers);
      return std::accumulate(squares.begin(), squares.end(), std::uint64_t{0});
    });
  };
  return alone(keys, options, open, true);
}

// Of any process that has ended: one result each.
std::uint64_t result_of(Process& process, SimpleQueue<std::uint64_t>& results) {
  process.join();
  expect(process.exitcode() == 0);
  return results.get();
}

// The sum of what `task` gives of the numbers, each by a process of its own, so many at a time.
template <class Task>
std::uint64_t sum_by_processes(const std::vector<std::uint64_t>& numbers, std::size_t at_once,
                               SimpleQueue<std::uint64_t>& results, const Task& task) {
  std::uint64_t sum = 0;
  std::list<Process> running;
  for (const std::uint64_t number : numbers) {
    running.emplace_back([&, number] { results.put(task(number)); }).start();
    if (running.size() < at_once) continue;
    sum += result_of(running.front(), results);
    running.pop_front();
  }
  for (Process& process : running) sum += result_of(process, results);
  return sum;
}

std::unique_ptr<Team> process_per_task(const Keys& keys, const RunOptions& options) {
  const auto open = [at_once = static_cast<std::size_t>(keys.processes)] {
    const auto results = std::make_shared<SimpleQueue<std::uint64_t>>();
    return in_maps([results, at_once](const std::vector<std::uint64_t>& numbers) {
      return sum_by_processes(numbers, at_once, *results, square);
    });
  };
  return alone(keys, options, open, true);
}

// What pool_once has to do.
struct Burst {
  const char* name;
  int tasks;
  int ms;

  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> all(static_cast<std::size_t>(tasks));
    std::iota(all.begin(), all.end(), 1);
    return all;
  }
  void check(std::uint64_t sum) const {
    const auto n = static_cast<std::uint64_t>(tasks);
    expect(sum == n * (n + 1) * (2 * n + 1) / 6);
  }
};

constexpr Burst kBursts[] = {
    {"1x0ms", 1, 0},   {"1x1ms", 1, 1},   {"1x10ms", 1, 10},  //
    {"2x0ms", 2, 0},   {"2x1ms", 2, 1},   {"2x10ms", 2, 10},  //
    {"4x0ms", 4, 0},   {"4x1ms", 4, 1},   {"4x10ms", 4, 10},  //
    {"16x0ms", 16, 0}, {"16x1ms", 16, 1}, {"16x10ms", 16, 10},
};

auto pool_once(const Burst& burst) {
  return [burst](const Keys& keys, const RunOptions& options) {
    const auto open = [burst, workers = keys.processes] {
      return repeat([burst, workers] {
        Pool pool(workers);
        std::vector<AsyncResult<std::uint64_t>> results;
        for (const std::uint64_t number : burst.numbers()) {
          results.push_back(pool.apply_async(slow_square, number, burst.ms));
        }
        std::uint64_t sum = 0;
        for (const auto& result : results) sum += result.get();
        pool.close();
        pool.join();
        burst.check(sum);
      });
    };
    return alone(keys, options, open, true);
  };
}

auto processes_once(const Burst& burst) {
  return [burst](const Keys& keys, const RunOptions& options) {
    const auto open = [burst, at_once = static_cast<std::size_t>(keys.processes)] {
      const auto results = std::make_shared<SimpleQueue<std::uint64_t>>();
      return repeat([burst, at_once, results] {
        burst.check(sum_by_processes(burst.numbers(), at_once, *results,
                                     [ms = burst.ms](auto x) { return slow_square(x, ms); }));
      });
    };
    return alone(keys, options, open, true);
  };
}

const ProcessBackend kBackends[] = {
    {"pool", "ipc::Pool", "Python's multiprocessing.Pool", nullptr},
    {"process_per_task", "an ipc::Process for each task, as many at a time as workers",
     "Python's multiprocessing.Process", nullptr},
};

const RegisterBackends registered_backends([] { return listed_backends(kBackends); });

const RegisterQuestion registered([] {
  std::vector<Series> series;
  for (const Placement placement : {Placement::same, Placement::free}) {
    series.push_back(
        process_series("pool_apply", "pool", {.processes = 1, .placement = placement}, apply));
  }
  for (const int workers : {1, 2, 4}) {
    const Keys keys{.processes = workers, .placement = Placement::free};
    series.push_back(process_series("pool_map", "pool", keys, map));
    series.push_back(process_series("pool_map", "process_per_task", keys, process_per_task));
  }
  for (const Burst& burst : kBursts) {
    const Keys keys{.op = burst.name, .processes = 2, .placement = Placement::free};
    series.push_back(process_series("pool_once", "pool", keys, pool_once(burst)));
    series.push_back(process_series("pool_once", "process_per_task", keys, processes_once(burst)));
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
