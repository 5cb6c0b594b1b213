// SPDX-License-Identifier: MIT
// What a Pool is without the types of its tasks: its workers, and the thread that feeds them.
//
// That thread forks the workers, gives each a task when it has none, takes what comes of it, and
// notices the end of a worker by its pidfd. Who submits a small task while a worker has none gives
// it himself, which saves waking the thread. Each worker has a socket of its own and at most one
// task in hand, so that a kill costs that task and no other, and two never wait for each other with
// full sockets.
#pragma once

#include <signal.h>

#include <condition_variable>
#include <cstdint>
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
#include "impl/pipe/connection.h"
#include "impl/process/process.h"
#include "impl/process/task.h"

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

  // Throws ValueError, and std::system_error when a worker cannot be started.
  PoolCore(std::optional<int> processes, PoolOptions options);
  ~PoolCore();

  int processes() const { return processes_; }
  void submit(Bytes task, Done done);  // throws ValueError when it takes no more
  void require_running() const;        // the same without a task
  void close();
  void terminate();
  void join();

 private:
  enum class State { running, closed, terminated };
  struct Job {
    Bytes task;
    Done done;
  };
  struct Worker {
    Worker(Process started, Connection end)
        : process(std::move(started)), connection(std::move(end)) {}

    Process process;        // the thread's
    Connection connection;  // the thread receives; who has set is_being_given sends

    // Under the mutex.
    std::optional<Done> in_hand = {};
    int tasks = 0;
    bool is_being_given = false;
    bool is_ready = false;  // its initializer has run
    bool is_leaving = false;
    bool is_broken = false;  // to be killed
  };

  void serve();
  bool look();  // one turn of serve: false at the end
  bool is_done() const;
  void start_worker();
  void work(Connection& connection) const;
  void feed();
  Worker* idle_locked() const;
  static void take_on_locked(Worker& worker, Done done);
  void give(Worker& worker, Bytes task);
  void take(Worker& worker);
  void bury(std::size_t index);
  void dismiss();
  void fail_waiting(const std::exception_ptr& error);
  void wake();
  void require_running_locked() const;
  State state() const;

  const int processes_;
  const PoolOptions options_;
  sigset_t signals_;  // blocked in the thread that made the pool, and so in the workers
  UniqueFd wake_;     // an eventfd: there is something to do

  mutable std::mutex mutex_;
  State state_ = State::running;
  std::deque<Job> waiting_;
  bool is_feeding_ = false;  // the thread gives tasks that come before those that are submitted now
  std::exception_ptr broken_;  // why no worker can be had

  std::condition_variable given_;                 // a worker is not being given a task any more
  std::vector<std::unique_ptr<Worker>> workers_;  // changed by the thread alone

  int started_ = 0;  // the thread's

  std::thread thread_;
};

}  // namespace detail
}  // namespace ipc
