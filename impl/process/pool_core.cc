// SPDX-License-Identifier: MIT
#include "impl/process/pool_core.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <utility>

#include "impl/os/error.h"
#include "impl/os/quiet_thread.h"
#include "impl/pipe/pipe.h"

namespace ipc::detail {
namespace {

int count_of(std::optional<int> processes) {
  const int count = processes.value_or(cpu_count());
  if (count < 1) {
    throw ValueError("a pool of " + std::to_string(count) + " processes: wanted at least 1");
  }
  return count;
}

}  // namespace

PoolCore::PoolCore(std::optional<int> processes, PoolOptions options)
    : processes_(count_of(processes)),
      options_(std::move(options)),
      wake_(eventfd(0, EFD_CLOEXEC)) {
  if (options_.maxtasksperchild && *options_.maxtasksperchild < 1) {
    throw ValueError("maxtasksperchild is " + std::to_string(*options_.maxtasksperchild) +
                     ": wanted at least 1");
  }
  if (!wake_) throw_errno("eventfd");
  pthread_sigmask(SIG_SETMASK, nullptr, &signals_);
  const auto started = std::make_shared<std::promise<void>>();
  thread_ = quiet_thread([this, started] {
    try {
      for (int i = 0; i < processes_; ++i) start_worker();
    } catch (...) {
      workers_.clear();
      started->set_exception(std::current_exception());
      return;
    }
    started->set_value();
    serve();
  });
  try {
    started->get_future().get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

PoolCore::~PoolCore() {
  terminate();
  if (thread_.joinable()) thread_.join();
}

void PoolCore::require_running() const {
  const std::lock_guard hold(mutex_);
  require_running_locked();
}

void PoolCore::require_running_locked() const {
  if (broken_) std::rethrow_exception(broken_);
  if (state_ != State::running) throw ValueError("the pool is not running");
}

void PoolCore::submit(Bytes task, Done done) {
  {
    const std::lock_guard hold(mutex_);
    require_running_locked();
    waiting_.push_back({std::move(task), std::move(done)});
  }
  wake();
}

void PoolCore::close() {
  {
    const std::lock_guard hold(mutex_);
    if (state_ == State::running) state_ = State::closed;
  }
  wake();
}

void PoolCore::terminate() {
  {
    const std::lock_guard hold(mutex_);
    state_ = State::terminated;
  }
  wake();
}

void PoolCore::join() {
  if (state() == State::running) throw ValueError("the pool is still running: close it first");
  if (thread_.joinable()) thread_.join();
}

PoolCore::State PoolCore::state() const {
  const std::lock_guard hold(mutex_);
  return state_;
}

void PoolCore::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_.get(), &one, sizeof one));  // full: it is awake
}

void PoolCore::serve() {
  while (look()) {
  }
  const auto error = std::make_exception_ptr(PoolTerminated("the pool was terminated"));
  for (const auto& worker : workers_) {
    if (worker->job) worker->job->done.fail(error);
  }
  fail_waiting(error);
}

bool PoolCore::look() {
  feed();
  if (state() == State::terminated) {
    for (const auto& worker : workers_) worker->process.terminate();
    for (const auto& worker : workers_) worker->process.join();
    return false;
  }
  if (is_done()) {
    dismiss();
    return false;
  }
  std::vector<WaitObject> objects{WaitObject(wake_.get())};
  std::vector<Worker*> senders;
  for (const auto& worker : workers_) objects.emplace_back(&worker->process);
  for (const auto& worker : workers_) {
    if (worker->is_leaving) continue;
    objects.emplace_back(&worker->connection);
    senders.push_back(worker.get());
  }
  std::vector<std::size_t> ended;
  for (const std::size_t ready : ipc::wait(objects)) {
    if (ready == 0) {
      std::uint64_t count;
      static_cast<void>(!read(wake_.get(), &count, sizeof count));
    } else if (ready <= workers_.size()) {
      ended.push_back(ready - 1);
    } else {
      take(*senders[ready - 1 - workers_.size()]);
    }
  }
  // From the last one, for those behind one that is buried move, and its successor comes last.
  std::for_each(ended.rbegin(), ended.rend(), [this](std::size_t index) { bury(index); });
  return true;
}

// Closed, and nothing is left to do.
bool PoolCore::is_done() const {
  const std::lock_guard hold(mutex_);
  return state_ == State::closed && waiting_.empty() &&
         std::none_of(workers_.begin(), workers_.end(),
                      [](const auto& worker) { return worker->job.has_value(); });
}

void PoolCore::start_worker() {
  auto [ours, theirs] = Pipe({.backend = "unix_stream"});
  Process process(
      [this, &ours = ours, &theirs = theirs] {
        ours.close();
        for (const auto& other : workers_) other->connection.close();
        work(theirs);
      },
      "ForkPoolWorker-" + std::to_string(++started_), true);
  process.start(false);
  theirs.close();
  workers_.push_back(std::make_unique<Worker>(std::move(process), std::move(ours)));
}

// In the worker. When the process of the pool has ended, it leaves without a word, as in Python.
void PoolCore::work(Connection& connection) const {
  pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
  if (options_.initializer) options_.initializer();
  try {
    connection.send_bytes(Bytes());
    for (int tasks = 0; !options_.maxtasksperchild || tasks < *options_.maxtasksperchild; ++tasks) {
      const Bytes task = connection.recv_bytes();
      if (task.empty()) return;
      connection.send_bytes(run_task(task));
    }
  } catch (const EndOfFile&) {
  } catch (const ConnectionReset&) {
  } catch (const BrokenPipe&) {
  }
}

// A task for each worker that has none.
void PoolCore::feed() {
  for (const auto& worker : workers_) {
    if (!worker->is_ready || worker->is_leaving || worker->job) continue;
    std::unique_lock hold(mutex_);
    if (waiting_.empty() || state_ == State::terminated) return;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    hold.unlock();
    give(*worker, std::move(job));
  }
}

// A worker that has ended before it could begin leaves the task to another.
void PoolCore::give(Worker& worker, Job job) {
  try {
    worker.connection.send_bytes(job.task);
  } catch (const Error&) {
    worker.is_leaving = true;  // its pidfd will tell
    const std::lock_guard hold(mutex_);
    waiting_.push_front(std::move(job));
    return;
  }
  worker.job = std::move(job);
  ++worker.tasks;
}

// What the worker sends: that it is ready, or what came of its task.
void PoolCore::take(Worker& worker) {
  Bytes outcome;
  try {
    outcome = worker.connection.recv_bytes();
  } catch (const Error&) {
    worker.is_leaving = true;  // its pidfd will tell
    return;
  }
  if (!worker.is_ready) {
    worker.is_ready = true;
    return;
  }
  worker.is_leaving = options_.maxtasksperchild == worker.tasks;
  const Job job = *std::exchange(worker.job, std::nullopt);
  job.done.give(outcome);
}

// A worker has ended: what it leaves, and who comes in its place.
void PoolCore::bury(std::size_t index) {
  const std::unique_ptr<Worker> worker = std::move(workers_[index]);
  workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
  while (!worker->is_leaving && worker->connection.poll()) take(*worker);
  const int end = worker->process.exitcode().value_or(0);
  const std::string what = worker->process.name() + " " +
                           (end < 0 ? "was killed by signal " + std::to_string(-end)
                                    : "ended with status " + std::to_string(end));
  if (worker->job) {
    worker->job->done.fail(std::make_exception_ptr(WorkerDied(what + " before its task was done")));
  }
  if (worker->is_ready) {
    start_worker();
    return;
  }
  const auto error = std::make_exception_ptr(
      WorkerDied(what + " in its initializer: the pool takes no more tasks"));
  {
    const std::lock_guard hold(mutex_);
    broken_ = error;
  }
  fail_waiting(error);
}

// REQUIRES: nobody has a task.
void PoolCore::dismiss() {
  for (const auto& worker : workers_) {
    try {
      worker->connection.send_bytes(Bytes());
    } catch (const Error&) {  // it has ended
    }
  }
  for (const auto& worker : workers_) worker->process.join();
}

void PoolCore::fail_waiting(const std::exception_ptr& error) {
  std::unique_lock hold(mutex_);
  const std::deque<Job> jobs = std::exchange(waiting_, {});
  hold.unlock();
  for (const Job& job : jobs) job.done.fail(error);
}

}  // namespace ipc::detail
