// SPDX-License-Identifier: MIT
#include "impl/process/pool_core.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

#include "impl/os/child.h"
#include "impl/os/error.h"
#include "impl/os/quiet_thread.h"
#include "impl/os/stream.h"

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
    : owner_(getpid()),
      processes_(count_of(processes)),
      options_(std::move(options)),
      wake_(eventfd(0, EFD_CLOEXEC)) {
  if (options_.maxtasksperchild && *options_.maxtasksperchild < 1) {
    throw ValueError("maxtasksperchild is " + std::to_string(*options_.maxtasksperchild) +
                     ": wanted at least 1");
  }
  if (!wake_) throw_errno("eventfd");
  ignore_sigpipe();
  flush_standard_streams();  // the thread, which must not wait for them, does not
  const auto started = std::make_shared<std::promise<void>>();
  thread_ = quiet_thread([this, started] {
    try {
      for (int i = 0; i < processes_; ++i) start_worker();
    } catch (...) {
      end_workers();
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
  end();
  thread_.join();
}

bool PoolCore::is_here() const { return getpid() == owner_; }

void PoolCore::require_here() const {
  if (!is_here()) throw StateError("only the process that made this pool may use it");
}

void PoolCore::require_running() const {
  require_here();
  const std::lock_guard hold(mutex_);
  require_running_locked();
}

void PoolCore::require_running_locked() const {
  if (broken_) std::rethrow_exception(broken_);
  if (state_ != State::running) throw ValueError("the pool is not running");
}

// Locks; where the pool takes no jobs, these are forgotten.
std::unique_lock<std::mutex> PoolCore::lock_for(std::span<const Job> jobs) const {
  try {
    require_here();
    std::unique_lock hold(mutex_);
    require_running_locked();
    return hold;
  } catch (...) {
    for (const Job& job : jobs) forget_task(job.task);
    throw;
  }
}

void PoolCore::submit(Job job) {
  std::unique_lock hold = lock_for(std::span(&job, 1));
  const bool is_next = waiting_.empty() && !is_feeding_;
  Worker* const idle = is_next ? idle_locked() : nullptr;
  if (idle != nullptr && job.task.size() <= kSmall) {
    take_on_locked(*idle, std::move(job));
    hold.unlock();
    give(*idle);
    return;
  }
  waiting_.push_back(std::move(job));
  if (idle != nullptr) wake();  // else the thread looks when a worker has done its task
}

void PoolCore::submit_all(std::vector<Job> jobs) {
  const std::unique_lock hold = lock_for(jobs);
  std::ranges::move(jobs, std::back_inserter(waiting_));
  wake();
}

void PoolCore::close() {
  require_here();
  {
    const std::lock_guard hold(mutex_);
    if (state_ == State::running) state_ = State::closed;
  }
  wake();
}

void PoolCore::terminate() {
  require_here();
  end();
}

void PoolCore::end() {
  {
    const std::lock_guard hold(mutex_);
    state_ = State::terminated;
  }
  wake();
}

void PoolCore::join() {
  require_here();
  if (std::this_thread::get_id() == thread_.get_id()) {
    throw StateError("a callback cannot wait for the end of its pool");
  }
  std::unique_lock hold(mutex_);
  if (state_ == State::running) throw ValueError("the pool is still running: close it first");
  ended_.wait(hold, [this] { return has_ended_; });
}

PoolCore::State PoolCore::state() const {
  const std::lock_guard hold(mutex_);
  return state_;
}

void PoolCore::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_.get(), &one, sizeof one));  // full: it is awake
}

PoolCore::Worker* PoolCore::idle_locked() const {
  const auto is_idle = [](const std::unique_ptr<Worker>& worker) {
    return worker->is_ready && !worker->is_leaving && !worker->in_hand && !worker->is_being_given;
  };
  const auto found = std::find_if(workers_.begin(), workers_.end(), is_idle);
  return found == workers_.end() ? nullptr : found->get();
}

// Nobody else gives it anything, and it is not buried, until give() has returned.
void PoolCore::take_on_locked(Worker& worker, Job job) {
  worker.in_hand = std::move(job);
  worker.is_being_given = true;
  ++worker.tasks;
}

// In any thread, after take_on_locked; what there is no room for, the pool's thread gives later. A
// worker that does not take the whole of it leaves the task to another.
void PoolCore::give(Worker& worker) {
  const WorkerEnd::Progress progress = worker.end.send(worker.in_hand->task);
  const bool has_gone =
      progress == WorkerEnd::Progress::closed || progress == WorkerEnd::Progress::broken;
  const std::lock_guard hold(mutex_);
  worker.is_being_given = false;
  worker.is_half_given = progress == WorkerEnd::Progress::more;
  if (has_gone) {
    worker.is_leaving = true;
    worker.is_broken = true;  // where it has not ended: the rest of the task will never come
    waiting_.push_front(*std::exchange(worker.in_hand, std::nullopt));
  }
  // One that has answered already may be wanted for another task, or for the end.
  const bool is_wanted = !worker.in_hand && (!waiting_.empty() || state_ != State::running);
  given_.notify_all();
  const bool is_left = worker.is_half_given && std::this_thread::get_id() != thread_.get_id();
  if (is_wanted || is_left) wake();
}

}  // namespace ipc::detail
