// SPDX-License-Identifier: MIT
#include "impl/manager/rendezvous.h"

#include <deque>
#include <limits>
#include <mutex>

#include "impl/os/timeout.h"
#include "impl/queue/queue_core.h"
#include "impl/sync/barrier.h"

namespace ipc::detail {
namespace {

class EventReferent final : public Exposing<EventReferent> {
 public:
  static const Methods<EventReferent>& methods() {
    using E = EventReferent;
    static const Methods<E> all{{"clear", 0, 0, &E::clear},
                                {"is_set", 0, 0, &E::is_set},
                                {"set", 0, 0, &E::set},
                                {"wait", 0, 0, &E::wait}};
    return all;
  }

 private:
  Object clear(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    is_set_ = false;
    return {};
  }
  Object is_set(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return is_set_;
  }
  Object set(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    is_set_ = true;
    ++times_set_;
    waiters_.wake_all();
    return {};
  }
  Object wait(Arguments&, Caller& caller) {
    std::unique_lock hold(mutex_);
    return waiters_.wait(caller, hold,
                         [this, before = times_set_] { return is_set_ || times_set_ != before; });
  }

  std::mutex mutex_;
  Waiters waiters_;
  bool is_set_ = false;
  std::uint64_t times_set_ = 0;
};

class BarrierReferent final : public Exposing<BarrierReferent> {
 public:
  BarrierReferent(std::int64_t parties, std::function<void()> action, Timeout timeout)
      : parties_(parties), action_(std::move(action)), timeout_(timeout) {
    if (parties < 1) throw ValueError("a barrier is for at least 1 party");
  }

  static const Methods<BarrierReferent>& methods() {
    using B = BarrierReferent;
    static const Methods<B> all{{"abort", 0, 0, &B::abort},         {"broken", 0, 0, &B::broken},
                                {"n_waiting", 0, 0, &B::n_waiting}, {"parties", 0, 0, &B::parties},
                                {"reset", 0, 0, &B::reset},         {"wait", 0, 0, &B::wait}};
    return all;
  }

 private:
  enum class Round { waiting, released, failed };

  Object abort(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    break_locked();
    return {};
  }
  Object broken(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return is_broken_;
  }
  Object n_waiting(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return come_;
  }
  Object parties(Arguments&, Caller&) { return parties_; }
  Object reset(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    end_locked(Round::failed);
    is_broken_ = false;
    return {};
  }
  Object wait(Arguments&, Caller& caller) {
    std::unique_lock hold(mutex_);
    if (is_broken_) throw BrokenBarrier("the barrier is broken");
    if (caller.deadline.is_never()) caller.deadline = deadline_of(timeout_);
    const std::int64_t place = come_++;
    if (come_ == parties_) {
      act();
      end_locked(Round::released);
      return place;
    }
    const std::shared_ptr<Round> round = round_;
    try {
      waiters_.wait(caller, hold, [&] { return *round != Round::waiting; });
    } catch (...) {
      if (*round == Round::waiting) break_locked();
      throw;
    }
    if (*round == Round::waiting) break_locked();
    if (*round == Round::failed) throw BrokenBarrier("the barrier broke");
    return place;
  }

  void act() {
    if (!action_) return;
    try {
      action_();
    } catch (...) {
      break_locked();
      throw;
    }
  }
  void end_locked(Round how) {
    *round_ = how;
    round_ = std::make_shared<Round>(Round::waiting);
    come_ = 0;
    waiters_.wake_all();
  }
  void break_locked() {
    is_broken_ = true;
    end_locked(Round::failed);
  }

  const std::int64_t parties_;
  const std::function<void()> action_;
  const Timeout timeout_;
  std::mutex mutex_;
  Waiters waiters_;
  std::int64_t come_ = 0;
  bool is_broken_ = false;
  std::shared_ptr<Round> round_ = std::make_shared<Round>(Round::waiting);  // the present one
};

class QueueReferent final : public Exposing<QueueReferent> {
 public:
  explicit QueueReferent(std::int64_t maxsize)
      : maxsize_(maxsize > 0 ? static_cast<std::uint64_t>(maxsize)
                             : std::numeric_limits<std::uint64_t>::max()) {}

  static const Methods<QueueReferent>& methods() {
    using Q = QueueReferent;
    static const Methods<Q> all{
        {"empty", 0, 0, &Q::empty},        {"full", 0, 0, &Q::full}, {"get", 0, 0, &Q::get},
        {"join", 0, 0, &Q::join},          {"put", 1, 1, &Q::put},   {"qsize", 0, 0, &Q::qsize},
        {"task_done", 0, 0, &Q::task_done}};
    return all;
  }
  // It is the first again, whatever the size is now.
  void undelivered(std::string_view operation, Arguments&, Object&& result) override {
    if (operation != "get") return;
    const std::lock_guard hold(mutex_);
    items_.push_front(std::move(result));
    getters_.wake_one();
  }

 private:
  Object empty(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return items_.empty();
  }
  Object full(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return items_.size() >= maxsize_;
  }
  Object get(Arguments&, Caller& caller) {
    std::unique_lock hold(mutex_);
    if (!getters_.wait(caller, hold, [this] { return !items_.empty(); })) throw Empty();
    Object item = std::move(items_.front());
    items_.pop_front();
    putters_.wake_one();
    return item;
  }
  Object join(Arguments&, Caller& caller) {
    std::unique_lock hold(mutex_);
    joiners_.wait(caller, hold, [this] { return unfinished_ == 0; });
    return {};
  }
  Object put(Arguments& given, Caller& caller) {
    std::unique_lock hold(mutex_);
    if (!putters_.wait(caller, hold, [this] { return items_.size() < maxsize_; })) throw Full();
    items_.push_back(given.take(0));
    ++unfinished_;
    getters_.wake_one();
    return {};
  }
  Object qsize(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return items_.size();
  }
  Object task_done(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    if (unfinished_ == 0) throw ValueError("task_done() called too many times");
    if (--unfinished_ == 0) joiners_.wake_all();
    return {};
  }

  const std::uint64_t maxsize_;
  std::mutex mutex_;
  Waiters getters_;
  Waiters putters_;
  Waiters joiners_;
  std::deque<Object> items_;
  std::uint64_t unfinished_ = 0;
};

}  // namespace

std::shared_ptr<Referent> make_event(Arguments&) { return std::make_shared<EventReferent>(); }

std::shared_ptr<Referent> make_barrier(Arguments& arguments, const Actions& actions) {
  if (arguments.size() != 3) throw TypeError("Barrier takes parties, an action and a timeout");
  std::function<void()> action;
  if (!arguments[1].is_none()) {
    const auto found = actions.find(arguments[1].as_text());
    if (found == actions.end())
      throw ValueError("no action " + repr(arguments[1]) + " is registered");
    action = found->second;
  }
  const Timeout timeout = arguments[2].is_none() ? std::nullopt : Timeout(arguments[2].as_real());
  return std::make_shared<BarrierReferent>(arguments[0].as_integer(), std::move(action), timeout);
}

std::shared_ptr<Referent> make_queue(Arguments& arguments) {
  return std::make_shared<QueueReferent>(arguments.size() == 0 ? 0 : arguments[0].as_integer());
}

}  // namespace ipc::detail
