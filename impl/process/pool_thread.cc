// SPDX-License-Identifier: MIT
// What the thread of a PoolCore does, and its workers.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "impl/os/error.h"
#include "impl/os/socket.h"
#include "impl/pipe/stream_endpoint.h"
#include "impl/process/pool_core.h"

namespace ipc::detail {
namespace {

// So many workers in a row may end before they are ready, by what is not their initializer.
constexpr int kMaxEarlyEnds = 16;
// A descriptor that poll(2) passes over.
constexpr int kNone = -1;
// What a terminated worker has, to end as its handler of SIGTERM likes.
constexpr std::chrono::seconds kGrace{1};

}  // namespace

void PoolCore::serve() {
  while (look()) {
  }
  const auto error = std::make_exception_ptr(PoolTerminated("the pool was terminated"));
  for (const auto& worker : workers_) {
    std::unique_lock hold(mutex_);
    given_.wait(hold, [&worker = *worker] { return !worker.is_being_given; });
    const std::optional<Job> lost = std::exchange(worker->in_hand, std::nullopt);
    hold.unlock();
    if (lost) fail(*lost, error);
  }
  fail_waiting(error);
  const std::lock_guard hold(mutex_);
  has_ended_ = true;
  ended_.notify_all();
}

bool PoolCore::look() {
  if (state() == State::terminated) {
    end_workers();
    return false;
  }
  if (!is_dismissed_ && is_done()) dismiss();
  if (is_dismissed_) {
    if (workers_.empty()) return false;
  } else {
    refill();
    feed();
  }
  for (const Worker* const worker : wait_and_take()) bury(worker);
  return true;
}

// Waits until something is to be done, takes what has come, and says whose process has ended.
std::vector<const PoolCore::Worker*> PoolCore::wait_and_take() {
  // Nothing of a worker is ever read ahead: it sends one message, then waits for a task.
  std::vector<pollfd> watched{{wake_.get(), POLLIN, 0}};
  {
    const std::lock_guard hold(mutex_);
    for (const auto& worker : workers_) {
      if (worker->is_broken) worker->process.kill();
      const auto events = static_cast<short>(worker->is_half_given ? POLLIN | POLLOUT : POLLIN);
      watched.push_back({worker->process.sentinel(), POLLIN, 0});
      watched.push_back({worker->is_leaving ? kNone : worker->end.fd(), events, 0});
    }
  }
  while (poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) throw_errno("poll");
  }
  if (watched[0].revents != 0) {
    std::uint64_t count;
    static_cast<void>(!read(wake_.get(), &count, sizeof count));
  }
  std::vector<const Worker*> ended;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    Worker& worker = *workers_[i];
    const short its_end = watched[1 + 2 * i].revents;
    const short its_socket = watched[2 + 2 * i].revents;
    if ((its_socket & POLLOUT) != 0) give(worker);
    if ((its_socket & ~POLLOUT) != 0) take(worker);
    if (its_end != 0) ended.push_back(&worker);
  }
  return ended;
}

// Closed, and nothing is left to do.
bool PoolCore::is_done() const {
  const std::lock_guard hold(mutex_);
  return state_ == State::closed && waiting_.empty() &&
         std::none_of(workers_.begin(), workers_.end(),
                      [](const auto& worker) { return worker->in_hand || worker->is_being_given; });
}

// Workers in the place of those that have ended. What cannot be had now may be there at the next
// turn, if a worker is left to make one.
void PoolCore::refill() {
  if (broken_) return fail_waiting(broken_);  // set by this thread
  while (workers_.size() < static_cast<std::size_t>(processes_)) {
    try {
      start_worker();
    } catch (const std::exception&) {
      if (workers_.empty()) give_up(std::current_exception());
      return;
    }
  }
}

void PoolCore::start_worker() {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  UniqueFd& ours = pair.ends[0];
  UniqueFd& theirs = pair.ends[1];
  Process process(
      [this, &ours, &theirs] {
        ours.reset();
        for (const auto& other : workers_) other->end.close();
        work(std::move(theirs));
      },
      "ForkPoolWorker-" + std::to_string(++started_), true);
  process.start(false);
  auto worker = std::make_unique<Worker>(std::move(process), std::move(ours));
  const std::lock_guard hold(mutex_);
  workers_.push_back(std::move(worker));
}

// In the worker. When the process of the pool has ended, it leaves without a word, as in Python.
void PoolCore::work(UniqueFd socket) const {
  if (options_.initializer) options_.initializer();
  const pid_t worker = getpid();
  StreamEndpoint pool(std::move(socket), UniqueFd());
  Buffer task;
  Status status = pool.send({});
  for (int tasks = 0; status == Status::ok && tasks != options_.maxtasksperchild; ++tasks) {
    status = pool.receive(task);
    if (status == Status::ok && task.size() == 0) return;
    if (status != Status::ok) break;
    const Bytes outcome = run_task(task.bytes());
    if (getpid() != worker) return;  // the task has forked, and both return
    status = pool.send(outcome);
  }
  if (status == Status::system_error) throw_errno("a worker and its pool");
}

// A task for each worker that has none.
void PoolCore::feed() {
  for (;;) {
    std::unique_lock hold(mutex_);
    Worker* const idle = idle_locked();
    is_feeding_ = idle != nullptr && !waiting_.empty() && state_ != State::terminated;
    if (!is_feeding_) return;
    take_on_locked(*idle, std::move(waiting_.front()));
    waiting_.pop_front();
    hold.unlock();
    give(*idle);
  }
}

// What the worker sends: that it is ready, or what came of its task. False when it is not whole.
bool PoolCore::take(Worker& worker) {
  WorkerEnd::Progress progress = WorkerEnd::Progress::broken;
  std::exception_ptr lost;
  try {
    progress = worker.end.receive();
  } catch (...) {  // no memory for it
    lost = std::current_exception();
  }
  if (progress == WorkerEnd::Progress::more) return false;
  std::unique_lock hold(mutex_);
  const bool is_expected = !worker.is_ready || (worker.in_hand && !worker.is_half_given);
  if (progress != WorkerEnd::Progress::done || !is_expected) {
    worker.is_leaving = true;  // its pidfd will tell
    worker.is_broken |= progress != WorkerEnd::Progress::closed;
    if (!lost) return false;
  } else if (!std::exchange(worker.is_ready, true)) {
    early_ends_ = 0;
    return true;
  } else {
    worker.is_leaving = options_.maxtasksperchild == worker.tasks;
  }
  const std::optional<Job> job = std::exchange(worker.in_hand, std::nullopt);
  hold.unlock();
  if (lost) {
    if (job) job->done.fail(lost);
  } else {
    if (is_error(worker.end.message())) forget_task(job->task);  // it may not have come so far
    job->done.give(worker.end.message());
  }
  return !lost;
}

// What a worker leaves that has ended.
void PoolCore::bury(const Worker* ended) {
  std::unique_lock hold(mutex_);
  given_.wait(hold, [ended] { return !ended->is_being_given; });
  const auto place = std::ranges::find(workers_, ended, &std::unique_ptr<Worker>::get);
  const std::unique_ptr<Worker> worker = std::move(*place);
  workers_.erase(place);
  hold.unlock();
  while (!worker->is_leaving && take(*worker)) {
  }
  const int end = worker->process.exitcode().value_or(0);
  const std::string what = worker->process.name() + " " +
                           (end < 0 ? "was killed by signal " + std::to_string(-end)
                                    : "ended with status " + std::to_string(end));
  if (worker->in_hand && worker->is_half_given) {
    hold.lock();
    waiting_.push_front(*std::move(worker->in_hand));
    hold.unlock();
  } else if (worker->in_hand) {
    fail(*worker->in_hand, std::make_exception_ptr(WorkerDied(what + " before its task was done")));
  }
  if (worker->is_ready || is_dismissed_) return;
  const bool may_pass = end < 0 || end == Child::kUnknown || !options_.initializer;
  if (may_pass && ++early_ends_ < kMaxEarlyEnds) return;
  give_up(std::make_exception_ptr(
      WorkerDied(what + (options_.initializer ? " in its initializer" : " before it was ready") +
                 ": the pool takes no more tasks")));
}

// REQUIRES: nobody has a task, nor gets one.
void PoolCore::dismiss() {
  is_dismissed_ = true;
  const std::lock_guard hold(mutex_);
  for (const auto& worker : workers_) {
    worker->end.send({});  // there is room for it, or it has ended
    worker->is_leaving = true;
  }
}

void PoolCore::end_workers() {
  for (const auto& worker : workers_) worker->process.terminate();
  const Deadline grace = Deadline::after(kGrace);
  for (const auto& worker : workers_) {
    if (worker->process.child().wait(grace)) continue;
    worker->process.kill();
    worker->process.join();
  }
}

void PoolCore::give_up(const std::exception_ptr& error) {
  {
    const std::lock_guard hold(mutex_);
    broken_ = error;
  }
  fail_waiting(error);
}

void PoolCore::fail_waiting(const std::exception_ptr& error) {
  std::unique_lock hold(mutex_);
  const std::deque<Job> jobs = std::exchange(waiting_, {});
  hold.unlock();
  for (const Job& job : jobs) fail(job, error);
}

// Of a job that nobody does any more.
void PoolCore::fail(const Job& job, const std::exception_ptr& error) {
  forget_task(job.task);
  job.done.fail(error);
}

}  // namespace ipc::detail
