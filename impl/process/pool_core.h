// SPDX-License-Identifier: MIT
// What a Pool is without the types of its tasks: its workers, and the thread that feeds them.
//
// That thread forks the workers, gives each a task when it has none, takes what comes of it, and
// notices the end of a worker by its pidfd. Who submits a small task while a worker has none gives
// it himself, which saves waking the thread. Each worker has a socket of its own and at most one
// task in hand, so that a kill costs that task and no other. The thread waits for nothing but all
// of them at once: a worker that is stopped in the middle of a message holds up nobody else.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "impl/os/unique_fd.h"
#include "impl/process/process.h"
#include "impl/process/task.h"
#include "impl/process/worker_end.h"

namespace ipc {

struct PoolOptions {
  // Runs first in each worker. One that throws ends the worker, and then the pool takes no more.
  std::function<void()> initializer = {};
  // After so many tasks (chunks of a map count as one) a worker ends and another takes its place.
  std::optional<int> maxtasksperchild = std::nullopt;
};

namespace detail {

class PoolCore {
 public:
  // Called in the pool's thread: with what came of a task, or with why nothing did.
  struct Done {
    std::function<void(std::span<const std::byte> outcome)> give;
    std::function<void(std::exception_ptr error)> fail;
  };

  struct Job {
    Bytes task;
    Done done;
  };

  // Throws ValueError, and std::system_error when a worker cannot be started.
  PoolCore(std::optional<int> processes, PoolOptions options);
  ~PoolCore();  // REQUIRES: is_here

  int processes() const { return processes_; }
  bool is_here() const;  // in the process that made it; in others all that follow throw StateError
  void submit(Job job);  // throws when it takes no more, as pool.h says; then nobody is told
  void submit_all(std::vector<Job> jobs);  // the same for all of them together
  void require_running() const;            // the same without a task
  void close();
  void terminate();
  void join();

 private:
  enum class State { running, closed, terminated };
  struct Worker {
    Worker(Process started, UniqueFd socket)
        : process(std::move(started)), end(std::move(socket)) {}

    Process process;  // the thread's
    WorkerEnd end;    // the thread receives; who has set is_being_given sends, or else the thread

    // Under the mutex.
    std::optional<Job> in_hand = {};  // its task stays as it is while it is being given
    int tasks = 0;
    bool is_being_given = false;
    bool is_half_given = false;
    bool is_ready = false;  // its initializer has run
    bool is_leaving = false;
    bool is_broken = false;  // to be killed
  };

  void end();
  void serve();
  bool look();  // one turn of serve: false at the end
  std::vector<const Worker*> wait_and_take();
  bool is_done() const;
  void refill();
  void start_worker();
  void work(UniqueFd socket) const;
  void feed();
  Worker* idle_locked() const;
  static void take_on_locked(Worker& worker, Job job);
  void give(Worker& worker);
  bool take(Worker& worker);
  void bury(const Worker* ended);
  void dismiss();
  void end_workers();
  void give_up(const std::exception_ptr& error);
  void fail_waiting(const std::exception_ptr& error);
  static void fail(const Job& job, const std::exception_ptr& error);
  void wake();
  void require_here() const;
  void require_running_locked() const;
  std::unique_lock<std::mutex> lock_for(std::span<const Job> jobs) const;
  State state() const;

  const pid_t owner_;
  const int processes_;
  const PoolOptions options_;
  UniqueFd wake_;  // an eventfd: there is something to do

  mutable std::mutex mutex_;
  State state_ = State::running;
  std::deque<Job> waiting_;
  bool is_feeding_ = false;  // the thread gives tasks that come before those that are submitted now
  std::exception_ptr broken_;  // why no worker can be had
  bool has_ended_ = false;
  std::condition_variable ended_;

  std::condition_variable given_;                 // a worker is not being given a task any more
  std::vector<std::unique_ptr<Worker>> workers_;  // changed by the thread alone

  // The thread's.
  int started_ = 0;
  int early_ends_ = 0;  // of workers before they were ready, one after the other
  bool is_dismissed_ = false;

  std::thread thread_;
};

}  // namespace detail
}  // namespace ipc
