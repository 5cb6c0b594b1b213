// SPDX-License-Identifier: MIT
#include "impl/process/pool_core.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <utility>

#include "impl/os/error.h"
#include "impl/os/quiet_thread.h"
#include "impl/pipe/pipe.h"

namespace ipc::detail {
namespace {

// Bytes: so much always fits the socket of a worker that has nothing to do.
constexpr std::size_t kSmall = 4096;

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
  std::unique_lock hold(mutex_);
  require_running_locked();
  const bool is_next = waiting_.empty() && !is_feeding_;
  Worker* const idle = is_next ? idle_locked() : nullptr;
  if (idle != nullptr && task.size() <= kSmall) {
    take_on_locked(*idle, std::move(done));
    hold.unlock();
    give(*idle, std::move(task));
    return;
  }
  waiting_.push_back({std::move(task), std::move(done)});
  if (idle != nullptr) wake();  // else the thread looks when a worker has done its task
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
    std::unique_lock hold(mutex_);
    given_.wait(hold, [&worker = *worker] { return !worker.is_being_given; });
    const std::optional<Done> lost = std::exchange(worker->in_hand, std::nullopt);
    hold.unlock();
    if (lost) lost->fail(error);
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
  // Nothing of a worker is ever read ahead: it sends one message, then waits for a task.
  std::vector<pollfd> watched{{wake_.get(), POLLIN, 0}};
  for (const auto& worker : workers_) {
    watched.push_back({worker->process.sentinel(), POLLIN, 0});
  }
  {
    const std::lock_guard hold(mutex_);
    for (const auto& worker : workers_) {
      if (worker->is_broken) worker->process.kill();
      const int none = -1;  // which poll(2) passes over
      watched.push_back({worker->is_leaving ? none : worker->connection.fileno(), POLLIN, 0});
    }
  }
  while (poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) throw_errno("poll");
  }
  if (watched[0].revents != 0) {
    std::uint64_t count;
    static_cast<void>(!read(wake_.get(), &count, sizeof count));
  }
  const std::size_t count = workers_.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (watched[1 + count + i].revents != 0) take(*workers_[i]);
  }
  // From the last one, for those behind one that is buried move, and its successor comes last.
  for (std::size_t i = count; i-- > 0;) {
    if (watched[1 + i].revents != 0) bury(i);
  }
  return true;
}

// Closed, and nothing is left to do.
bool PoolCore::is_done() const {
  const std::lock_guard hold(mutex_);
  return state_ == State::closed && waiting_.empty() &&
         std::none_of(workers_.begin(), workers_.end(),
                      [](const auto& worker) { return worker->in_hand || worker->is_being_given; });
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
  auto worker = std::make_unique<Worker>(std::move(process), std::move(ours));
  const std::lock_guard hold(mutex_);
  workers_.push_back(std::move(worker));
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
  for (;;) {
    std::unique_lock hold(mutex_);
    Worker* const idle = idle_locked();
    is_feeding_ = idle != nullptr && !waiting_.empty() && state_ != State::terminated;
    if (!is_feeding_) return;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    take_on_locked(*idle, std::move(job.done));
    hold.unlock();
    give(*idle, std::move(job.task));
  }
}

PoolCore::Worker* PoolCore::idle_locked() const {
  const auto is_idle = [](const std::unique_ptr<Worker>& worker) {
    return worker->is_ready && !worker->is_leaving && !worker->in_hand && !worker->is_being_given;
  };
  const auto found = std::find_if(workers_.begin(), workers_.end(), is_idle);
  return found == workers_.end() ? nullptr : found->get();
}

// Nobody else gives it anything, and it is not buried, until give() has returned.
void PoolCore::take_on_locked(Worker& worker, Done done) {
  worker.in_hand = std::move(done);
  worker.is_being_given = true;
  ++worker.tasks;
}

// In any thread, after take_on_locked. A worker that cannot be sent to leaves the task to another.
void PoolCore::give(Worker& worker, Bytes task) {
  bool is_sent = true;
  try {
    worker.connection.send_bytes(task);
  } catch (const std::exception&) {
    is_sent = false;
  }
  const std::lock_guard hold(mutex_);
  worker.is_being_given = false;
  if (!is_sent) {
    worker.is_leaving = true;
    worker.is_broken = true;  // where it has not ended: the rest of the task will never come
    waiting_.push_front({std::move(task), *std::exchange(worker.in_hand, std::nullopt)});
  }
  // One that has answered already may be wanted for another task, or for the end.
  const bool is_wanted = !worker.in_hand && (!waiting_.empty() || state_ != State::running);
  given_.notify_all();
  if (is_wanted) wake();
}

// What the worker sends: that it is ready, or what came of its task.
void PoolCore::take(Worker& worker) {
  Bytes outcome;
  bool is_there = true;
  try {
    outcome = worker.connection.recv_bytes();
  } catch (const Error&) {
    is_there = false;
  }
  std::unique_lock hold(mutex_);
  if (!is_there) {
    worker.is_leaving = true;  // its pidfd will tell
    return;
  }
  if (!std::exchange(worker.is_ready, true)) return;
  worker.is_leaving = options_.maxtasksperchild == worker.tasks;
  const Done done = *std::exchange(worker.in_hand, std::nullopt);
  hold.unlock();
  done.give(outcome);
}

// A worker has ended: what it leaves, and who comes in its place.
void PoolCore::bury(std::size_t index) {
  std::unique_lock hold(mutex_);
  given_.wait(hold, [&worker = *workers_[index]] { return !worker.is_being_given; });
  const std::unique_ptr<Worker> worker = std::move(workers_[index]);
  workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
  hold.unlock();
  while (!worker->is_leaving && worker->connection.poll()) take(*worker);
  const int end = worker->process.exitcode().value_or(0);
  const std::string what = worker->process.name() + " " +
                           (end < 0 ? "was killed by signal " + std::to_string(-end)
                                    : "ended with status " + std::to_string(end));
  if (worker->in_hand) {
    worker->in_hand->fail(std::make_exception_ptr(WorkerDied(what + " before its task was done")));
  }
  if (worker->is_ready) {
    start_worker();
    return;
  }
  const auto error = std::make_exception_ptr(
      WorkerDied(what + " in its initializer: the pool takes no more tasks"));
  hold.lock();
  broken_ = error;
  hold.unlock();
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
