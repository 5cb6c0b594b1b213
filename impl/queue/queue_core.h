// SPDX-License-Identifier: MIT
// QueueCore: what ipc::Queue, JoinableQueue and SimpleQueue have in common, over bytes: slots, the
// count of unfinished tasks, one endpoint in each process, closing. Users include queue.h.
//
// Constructed before the processes that use it; any thread of any of them may call. Nobody else may
// use the object of a process while that is destroyed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "impl/driver/errors.h"
#include "impl/os/mapping.h"
#include "impl/os/per_process.h"
#include "impl/os/timeout.h"
#include "impl/queue/backend.h"
#include "impl/sync/semaphore_word.h"

namespace ipc {

// Nothing to take within the time (Python's queue.Empty).
class Empty : public Error {
 public:
  Empty() : Error("the queue is empty") {}
};

// No free slot, or no space in the transport, within the time (Python's queue.Full).
class Full : public Error {
 public:
  Full() : Error("the queue is full") {}
};

enum class Tasks { uncounted, counted };

class QueueCore {
 public:
  // Throws ValueError for an unknown backend or one that carries nothing, and for a maxsize over
  // SemaphoreWord::kMax; ipc::Error with the reason if the backend cannot be used here;
  // std::system_error if set-up fails.
  QueueCore(std::string_view backend, std::int64_t maxsize, Tasks tasks = Tasks::uncounted);
  QueueCore(const QueueCore&) = delete;
  QueueCore& operator=(const QueueCore&) = delete;
  // Waits until what this process has put has left it, unless that was cancelled. Where the backend
  // has a helper, that ends in the process that constructed the queue, and with it the queue.
  ~QueueCore() = default;

  // Throw Full and Empty; ValueError after close.
  void put(std::span<const std::byte> message, Deadline deadline);
  [[nodiscard]] Buffer get(Deadline deadline);

  std::uint32_t size() const;  // items put and not yet taken, by all processes
  bool full() const;
  bool empty();  // nothing has arrived that a get could take. Throws HandleClosed after close

  void close();        // this process puts and gets no more
  void join_thread();  // waits until what it has put has left it. Throws StateError before close
  void cancel_join_thread();  // from now on nobody waits for that, and it may be lost

  // REQUIRES: Tasks::counted.
  void task_done();  // throws ValueError when there is no unfinished task
  void join_tasks();

 private:
  // What one process has of the queue.
  struct Local {
    ~Local();
    std::once_flag opening;
    std::unique_ptr<AnyEndpoint> endpoint;
    std::atomic<bool> closed = false;
    std::atomic<bool> cancelled = false;
  };
  friend class OpenQueues;

  struct Counters {
    explicit Counters(std::uint32_t free) : slots(free) {}
    SemaphoreWord slots;
    std::atomic<std::uint32_t> unfinished =
        0;  // tasks; a futex word that joiners sleep on until it is 0
  };

  QueueCore(const QueueEntry& entry, std::int64_t maxsize, Tasks tasks);
  AnyEndpoint& endpoint(Local& local);
  Local& open_local();  // throws ValueError after close
  void begin_task();
  bool end_task();  // false when there is none
  void take_back();

  const std::string backend_;
  const std::uint32_t maxsize_;
  const bool counts_tasks_;
  // Else the backend counts its items. Where tasks are counted, a put waits here for its slot, and
  // has begun no task meanwhile.
  const bool has_slots_;
  std::unique_ptr<AnyQueue> queue_;
  Shared<Counters> counters_;
  PerProcess<Local> local_;
};

// Waits until everything that this process has put in its queues has left it, but for those that
// cancelled that.
void flush_queues();

}  // namespace ipc
