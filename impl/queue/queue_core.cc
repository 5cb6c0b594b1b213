// SPDX-License-Identifier: MIT
#include "impl/queue/queue_core.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <thread>
#include <vector>

#include "impl/os/first_use.h"
#include "impl/os/futex.h"
#include "impl/queue/served_queue.h"

namespace ipc {

// The queues that this process has used and not destroyed.
class OpenQueues {
 public:
  using Local = QueueCore::Local;

  static OpenQueues& here();

  void add(Local* local) {
    std::lock_guard hold(mutex_);
    queues_.push_back(local);
  }
  void remove(Local* local) {
    std::lock_guard hold(mutex_);
    std::erase(queues_, local);
  }
  void flush() {
    while (!flush_for(std::chrono::milliseconds(200))) {
      // Another thread may have to begin with a queue before it can take what is waited for.
      // (Behind a broker, one that waits inside a get of the same queue holds this up all the
      // same.)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  bool flush_for(std::chrono::nanoseconds time) {
    const std::lock_guard hold(mutex_);
    const Deadline deadline = Deadline::after(time);
    return std::all_of(queues_.begin(), queues_.end(), [deadline](Local* local) {
      return local->cancelled || local->endpoint->flush(deadline) != Status::timed_out;
    });
  }

  std::mutex mutex_;
  std::vector<Local*> queues_;
};

namespace {

// Never destroyed: queues of static storage may be destroyed later.
constinit FirstUse<PerProcess<OpenQueues>> open_queues;

}  // namespace

OpenQueues& OpenQueues::here() { return open_queues.get().get(); }

void flush_queues() { OpenQueues::here().flush(); }

namespace {

std::uint32_t checked_maxsize(std::int64_t maxsize) {
  if (maxsize > SemaphoreWord::kMax) {
    throw ValueError("maxsize is " + std::to_string(maxsize) + ", at most " +
                     std::to_string(SemaphoreWord::kMax) + " items can be counted");
  }
  return maxsize <= 0 ? SemaphoreWord::kMax : static_cast<std::uint32_t>(maxsize);
}

const QueueEntry& usable(std::string_view backend) {
  const QueueEntry& entry = QueueRegistry::get(backend);
  require_usable(entry.kFamily, entry.name, entry.traits);
  return entry;
}

}  // namespace

QueueCore::Local::~Local() {
  if (endpoint) OpenQueues::here().remove(this);
}

QueueCore::QueueCore(std::string_view backend, std::int64_t maxsize, Tasks tasks)
    : QueueCore(usable(backend), maxsize, tasks) {}

QueueCore::QueueCore(const QueueEntry& entry, std::int64_t maxsize, Tasks tasks)
    : backend_(entry.name),
      maxsize_(checked_maxsize(maxsize)),
      counts_tasks_(tasks == Tasks::counted),
      has_slots_(counts_tasks_ || !entry.traits.counts_items),
      queue_(served(entry.make({.max_items = maxsize <= 0 ? 0 : maxsize_}))),
      counters_(maxsize_) {}

AnyEndpoint& QueueCore::endpoint(Local& local) {
  std::call_once(local.opening, [&] {
    local.endpoint = queue_->open();
    OpenQueues::here().add(&local);
  });
  return *local.endpoint;
}

QueueCore::Local& QueueCore::open_local() {
  Local& local = local_.get();
  if (local.closed) throw ValueError(backend_ + ": the queue is closed");
  return local;
}

void QueueCore::put(std::span<const std::byte> message, Deadline deadline) {
  AnyEndpoint& out = endpoint(open_local());
  if (counters_->unfinished.load(std::memory_order_relaxed) >= SemaphoreWord::kMax) {
    throw ValueError(backend_ + ": no more unfinished tasks can be counted");
  }
  if (has_slots_ && !counters_->slots.acquire(deadline)) throw Full();
  begin_task();  // before a consumer can finish it
  Status status;
  try {
    status = out.send_until(message, deadline);
  } catch (...) {
    take_back();
    throw;
  }
  if (status == Status::ok) return;
  const int error = errno;
  take_back();
  errno = error;
  if (status == Status::timed_out) throw Full();
  throw_status(status, Direction::send, backend_);
}

Buffer QueueCore::get(Deadline deadline) {
  AnyEndpoint& in = endpoint(open_local());
  Buffer message;
  const Status status = in.receive_until(message, deadline);
  if (status == Status::timed_out) throw Empty();
  // A corrupt queue gives slots back as well, or a putter would wait for one for ever.
  if (has_slots_ && (status == Status::ok || status == Status::corrupt)) {
    counters_->slots.release(maxsize_);
  }
  if (status != Status::ok) throw_status(status, Direction::receive, backend_);
  return message;
}

std::uint32_t QueueCore::size() const {
  return has_slots_ ? maxsize_ - counters_->slots.value() : queue_->size().value();
}

bool QueueCore::full() const { return size() >= maxsize_; }

bool QueueCore::empty() {
  Local& local = local_.get();
  if (local.closed) throw HandleClosed();
  const Status status = endpoint(local).ready(Deadline::now());
  if (status != Status::ok && status != Status::timed_out) {
    throw_status(status, Direction::receive, backend_);
  }
  return status == Status::timed_out;
}

void QueueCore::close() { local_.get().closed = true; }

void QueueCore::join_thread() {
  Local& local = local_.get();
  if (!local.closed) throw StateError(backend_ + ": join_thread before close");
  if (!local.cancelled) endpoint(local).flush(Deadline::never());
}

void QueueCore::cancel_join_thread() {
  Local& local = local_.get();
  endpoint(local).abandon_unsent();
  local.cancelled = true;
}

void QueueCore::task_done() {
  if (!end_task()) throw ValueError("task_done() was called more often than put()");
}

void QueueCore::join_tasks() {
  // acquire: pairs with end_task, what the finishers did before is seen.
  while (const std::uint32_t count = counters_->unfinished.load(std::memory_order_acquire)) {
    // Looked at again now and then: a finisher may be killed before it wakes anybody.
    futex_wait(counters_->unfinished, count,
               Deadline::never().within(std::chrono::milliseconds(50)));
  }
}

void QueueCore::begin_task() {
  if (counts_tasks_) counters_->unfinished.fetch_add(1, std::memory_order_relaxed);
}

bool QueueCore::end_task() {
  std::atomic<std::uint32_t>& unfinished = counters_->unfinished;
  std::uint32_t count = unfinished.load(std::memory_order_relaxed);
  do {
    if (count == 0) return false;
    // release: pairs with join_tasks.
  } while (!unfinished.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel,
                                             std::memory_order_relaxed));
  if (count == 1) futex_wake(unfinished, INT_MAX);
  return true;
}

// Undoes what put did before the send that failed.
void QueueCore::take_back() {
  if (has_slots_) counters_->slots.release(maxsize_);
  if (counts_tasks_) end_task();
}

}  // namespace ipc
