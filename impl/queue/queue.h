// SPDX-License-Identifier: MIT
// Queue, JoinableQueue and SimpleQueue, as Python's multiprocessing has them, over any backend by
// name.
//
//   ipc::Queue<std::string> queue{5};  // at most 5 items; without a type it carries ipc::Object
//   ipc::Process child{[&] { queue.put("hello"); }};
//   child.start();
//   std::cout << queue.get();
//
// Who may call: every process that has the object, thus the one that made the queue and those
// forked afterwards, and every thread there. Each item goes to one get. Those of one producer come
// in its order; what else is in order says the backend. There is no end of stream: a get waits
// although all producers are gone, so send a marker to each consumer.
//
// maxsize counts items put and not yet taken, over all processes, wherever they are; 0 or less:
// 2^31-1. A put waits for a slot, with shm_feeder (the default) and pipe_feeder for nothing else:
// what they do not hold waits in the memory of the process that put it, and its feeder thread sends
// it. The others make it wait for space as well. An item is encoded in put, which throws ValueError
// when it cannot be; in Python that is seen later, by nobody.
//
// What waits for a feeder is there some time after its put: empty() may be true and get_nowait()
// throw Empty although qsize() is 1. With pipe_feeder that is every item; with shm_feeder one of
// more than 32 KiB, what does not fit into 64 KiB, and what comes behind. put and get that must not
// wait also fail while another process just writes or reads.
//
// Killed users: one killed while it waits for an item or a slot disturbs nobody (with boost_mq and
// boost_deque the others may hang). One killed within a put or a get can cost a slot, as in Python,
// so that in the end no put finds one; not of a Queue over shm_robust, shm_lockfree or
// shm_lockfree_spin, which count by themselves. What it had put and its feeder had not sent is
// lost; the slots of that stay taken, and its tasks stay unfinished.
//
// Ownership: each process closes the queue for itself. The destructor, and the end of an
// ipc::Process, wait until what this process has put has left it; if nobody reads that may be for
// ever: cancel_join_thread() says not to. std::exit() waits for nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "impl/codec/msgpack.h"
#include "impl/queue/queue_core.h"

namespace ipc {
namespace detail {

template <class T>
void put_encoded(QueueCore& queue, const T& item, Deadline deadline) {
  std::vector<std::byte> message;
  encode_for([&](std::span<const std::byte> bytes) { queue.put(bytes, deadline); }, item, message);
}

}  // namespace detail

template <class T = Object>
class Queue {
 public:
  static constexpr std::string_view kInheritedAs = "Queue";

  explicit Queue(std::int64_t maxsize = 0, std::string_view backend = "shm_feeder")
      : Queue(maxsize, backend, Tasks::uncounted) {}

  // Without block it does as much as can be done at once, whatever the timeout. Throws Full;
  // ValueError after close or for what cannot be encoded; MessageTooBig.
  void put(const T& item, bool block = true, Timeout timeout = std::nullopt) {
    const Deadline deadline = deadline_of(block, timeout);
    detail::put_encoded(*core_, item, deadline);
  }
  void put_nowait(const T& item) { put(item, false); }

  // Throws Empty; ValueError after close; DecodeError, with the item gone, when it is not a T. The
  // time is for the item to begin to arrive.
  T get(bool block = true, Timeout timeout = std::nullopt) {
    const Buffer message = core_->get(deadline_of(block, timeout));
    return decode<T>(message.bytes());
  }
  T get_nowait() { return get(false); }

  // Exact when asked, and soon out of date.
  std::uint32_t qsize() const { return core_->size(); }
  bool full() const { return core_->full(); }  // never without a maxsize
  // True when no item has arrived where a get could take it. Throws HandleClosed after close.
  bool empty() const { return core_->empty(); }

  // This process puts and gets no more; others go on, and what it has put still arrives. Twice is
  // fine.
  void close() { core_->close(); }
  // After close: waits until all that this process has put has left it. Throws StateError before.
  void join_thread() { core_->join_thread(); }
  // From now on nothing waits for that, and it may be lost; its slots stay taken.
  void cancel_join_thread() { core_->cancel_join_thread(); }

 protected:
  Queue(std::int64_t maxsize, std::string_view backend, Tasks tasks)
      : core_(std::make_unique<QueueCore>(backend, maxsize, tasks)) {}

  std::unique_ptr<QueueCore> core_;
};

// A Queue whose users tell when they are done with an item.
template <class T = Object>
class JoinableQueue : public Queue<T> {
 public:
  static constexpr std::string_view kInheritedAs = "JoinableQueue";

  explicit JoinableQueue(std::int64_t maxsize = 0, std::string_view backend = "shm_feeder")
      : Queue<T>(maxsize, backend, Tasks::counted) {}

  // One item less is unfinished; any process or thread may say so. Throws ValueError when none is.
  void task_done() { this->core_->task_done(); }
  // Waits until no item is unfinished: as many task_done() as put(). An item put meanwhile is
  // waited for as well; an item that was lost, with who had it or in a corrupt queue, for ever.
  void join() { this->core_->join_tasks(); }
};

// A queue without slots and times: a put is done when the item can be taken, and waits while there
// is no room; items come in the order of their puts over all
// processes.
template <class T = Object>
class SimpleQueue {
 public:
  static constexpr std::string_view kInheritedAs = "SimpleQueue";

  explicit SimpleQueue(std::string_view backend = "shm_robust")
      : core_(std::make_unique<QueueCore>(backend, 0)) {}

  // After close each throws HandleClosed.
  void put(const T& item) { detail::put_encoded(core(), item, Deadline::never()); }
  T get() {
    const Buffer message = core().get(Deadline::never());
    return decode<T>(message.bytes());
  }
  bool empty() const { return core().empty(); }

  // Gives up this process's hold on the queue; nobody else may use the object meanwhile. Twice is
  // fine.
  void close() { core_.reset(); }

 private:
  QueueCore& core() const {
    if (!core_) throw HandleClosed();
    return *core_;
  }

  std::unique_ptr<QueueCore> core_;
};

}  // namespace ipc
