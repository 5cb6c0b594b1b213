// SPDX-License-Identifier: MIT
#include "impl/manager/synchronizers.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>

#include "impl/os/timeout.h"
#include "impl/queue/queue_core.h"
#include "impl/sync/barrier.h"

namespace ipc::detail {
namespace {

// What Condition asks of Lock and RLock.
class Lockable {
 public:
  virtual ~Lockable() = default;
  virtual bool is_held_for(const User& user) = 0;
  // All levels; and so many again. REQUIRES: is_held_for.
  virtual int give_up() = 0;
  virtual void take_again(Caller& caller, int depth) = 0;
  virtual bool acquire_for(Caller& caller) = 0;
  virtual void release_for(const User& user) = 0;
};

class LockReferent final : public Exposing<LockReferent>, public Lockable {
 public:
  static const Methods<LockReferent>& methods() {
    static const Methods<LockReferent> all{{"acquire", 0, 0, &LockReferent::acquire},
                                           {"release", 0, 0, &LockReferent::release}};
    return all;
  }
  void forget(std::uint64_t session) override {
    const std::lock_guard hold(mutex_);
    if (holder_ && holder_->session == session) let_go();
  }

  bool is_held_for(const User&) override {  // a plain lock is anybody's
    const std::lock_guard hold(mutex_);
    return holder_.has_value();
  }
  int give_up() override {
    const std::lock_guard hold(mutex_);
    let_go();
    return 1;
  }
  void take_again(Caller& caller, int) override { acquire_for(caller); }
  bool acquire_for(Caller& caller) override {
    std::unique_lock hold(mutex_);
    const bool is_taken = waiters_.wait(caller, hold, [this] { return !holder_; });
    if (is_taken) holder_ = caller.user;
    return is_taken;
  }
  void release_for(const User&) override {
    const std::lock_guard hold(mutex_);
    if (!holder_) throw RuntimeError("release unlocked lock");
    let_go();
  }

 private:
  Object acquire(Arguments&, Caller& caller) { return acquire_for(caller); }
  Object release(Arguments&, Caller& caller) {
    release_for(caller.user);
    return {};
  }
  void let_go() {
    holder_.reset();
    waiters_.wake_one();
  }

  std::mutex mutex_;
  Waiters waiters_;
  std::optional<User> holder_;
};

class RLockReferent final : public Exposing<RLockReferent>, public Lockable {
 public:
  static const Methods<RLockReferent>& methods() {
    static const Methods<RLockReferent> all{{"acquire", 0, 0, &RLockReferent::acquire},
                                            {"release", 0, 0, &RLockReferent::release}};
    return all;
  }
  void forget(std::uint64_t session) override {
    const std::lock_guard hold(mutex_);
    if (depth_ != 0 && holder_.session == session) let_go();
  }

  bool is_held_for(const User& user) override {
    const std::lock_guard hold(mutex_);
    return depth_ != 0 && holder_ == user;
  }
  int give_up() override {
    const std::lock_guard hold(mutex_);
    const int depth = depth_;
    let_go();
    return depth;
  }
  void take_again(Caller& caller, int depth) override {
    acquire_for(caller);
    const std::lock_guard hold(mutex_);
    depth_ = depth;
  }
  bool acquire_for(Caller& caller) override {
    std::unique_lock hold(mutex_);
    const bool is_taken = waiters_.wait(
        caller, hold, [&] { return depth_ == 0 || holder_ == caller.user; });
    if (is_taken) {
      holder_ = caller.user;
      ++depth_;
    }
    return is_taken;
  }
  void release_for(const User& user) override {
    const std::lock_guard hold(mutex_);
    if (depth_ == 0 || !(holder_ == user)) throw RuntimeError("cannot release un-acquired lock");
    if (--depth_ == 0) let_go();
  }

 private:
  Object acquire(Arguments&, Caller& caller) { return acquire_for(caller); }
  Object release(Arguments&, Caller& caller) {
    release_for(caller.user);
    return {};
  }
  void let_go() {
    depth_ = 0;
    waiters_.wake_one();
  }

  std::mutex mutex_;
  Waiters waiters_;
  User holder_;
  int depth_ = 0;
};

class SemaphoreReferent final : public Exposing<SemaphoreReferent> {
 public:
  SemaphoreReferent(std::int64_t value, std::optional<std::int64_t> bound)
      : value_(value), bound_(bound) {
    if (value < 0) throw ValueError("semaphore initial value must be >= 0");
  }

  static const Methods<SemaphoreReferent>& methods() {
    static const Methods<SemaphoreReferent> all{{"acquire", 0, 0, &SemaphoreReferent::acquire},
                                                {"release", 0, 1, &SemaphoreReferent::release}};
    return all;
  }
  void undelivered(std::string_view operation, Object result) override {
    if (operation != "acquire" || !result.as_bool()) return;
    const std::lock_guard hold(mutex_);
    ++value_;
    waiters_.wake_one();
  }

 private:
  Object acquire(Arguments&, Caller& caller) {
    std::unique_lock hold(mutex_);
    const bool is_taken = waiters_.wait(caller, hold, [this] { return value_ > 0; });
    if (is_taken) --value_;
    return is_taken;
  }
  Object release(Arguments& given, Caller&) {
    const std::int64_t count = given.size() == 0 ? 1 : given[0].as_integer();
    if (count < 1) throw ValueError("n must be one or more");
    const std::lock_guard hold(mutex_);
    if (bound_ && count > *bound_ - value_) {
      throw ValueError("Semaphore released too many times");
    }
    if (count > std::numeric_limits<std::int64_t>::max() - value_) {
      throw ValueError("no semaphore counts so far");
    }
    value_ += count;
    waiters_.wake_all();
    return {};
  }

  std::mutex mutex_;
  Waiters waiters_;
  std::int64_t value_;
  const std::optional<std::int64_t> bound_;
};

class ConditionReferent final : public Exposing<ConditionReferent> {
 public:
  explicit ConditionReferent(std::shared_ptr<Lockable> lock) : lock_(std::move(lock)) {}

  static const Methods<ConditionReferent>& methods() {
    using C = ConditionReferent;
    static const Methods<C> all{{"acquire", 0, 0, &C::acquire},
                                {"notify", 0, 1, &C::notify},
                                {"notify_all", 0, 0, &C::notify_all},
                                {"release", 0, 0, &C::release},
                                {"wait", 0, 0, &C::wait}};
    return all;
  }
  // A lock of its own is no object that the server would tell.
  void forget(std::uint64_t session) override {
    std::dynamic_pointer_cast<Referent>(lock_)->forget(session);
  }

 private:
  Object acquire(Arguments&, Caller& caller) { return lock_->acquire_for(caller); }
  Object release(Arguments&, Caller& caller) {
    lock_->release_for(caller.user);
    return {};
  }
  Object wait(Arguments&, Caller& caller) {
    require_held("wait", caller);
    std::unique_lock hold(mutex_);
    bool is_notified = false;
    notified_.push_back(&is_notified);
    const int depth = lock_->give_up();
    try {
      waiters_.wait(caller, hold, [&] { return is_notified; });
    } catch (...) {
      leave(is_notified);
      throw;
    }
    if (!is_notified) leave(is_notified);
    hold.unlock();
    try {
      caller.deadline = Deadline::never();
      lock_->take_again(caller, depth);
    } catch (...) {
      hold.lock();
      if (is_notified) notify_locked(1);
      throw;
    }
    return is_notified;
  }
  Object notify(Arguments& given, Caller& caller) {
    require_held("notify", caller);
    const std::int64_t count = given.size() == 0 ? 1 : given[0].as_integer();
    const std::lock_guard hold(mutex_);
    notify_locked(count < 0 ? 0 : static_cast<std::uint64_t>(count));
    return {};
  }
  Object notify_all(Arguments&, Caller& caller) {
    require_held("notify", caller);
    const std::lock_guard hold(mutex_);
    notify_locked(notified_.size());
    return {};
  }

  void require_held(const std::string& what, const Caller& caller) const {
    if (!lock_->is_held_for(caller.user)) {
      throw RuntimeError("cannot " + what + " on un-acquired lock");
    }
  }
  void notify_locked(std::uint64_t count) {
    for (; count > 0 && !notified_.empty(); --count) {
      *notified_.front() = true;
      notified_.pop_front();
    }
    waiters_.wake_all();
  }
  // Of one that has gone, or whose time is over.
  void leave(bool& is_notified) {
    if (is_notified) {
      notify_locked(1);
    } else {
      std::erase(notified_, &is_notified);
    }
  }

  const std::shared_ptr<Lockable> lock_;
  std::mutex mutex_;
  Waiters waiters_;
  std::deque<bool*> notified_;  // of those who wait and are not yet, in their order
};

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
    return waiters_.wait(caller, hold, [this, before = times_set_] {
      return is_set_ || times_set_ != before;
    });
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
    static const Methods<B> all{{"abort", 0, 0, &B::abort},
                                {"broken", 0, 0, &B::broken},
                                {"n_waiting", 0, 0, &B::n_waiting},
                                {"parties", 0, 0, &B::parties},
                                {"reset", 0, 0, &B::reset},
                                {"wait", 0, 0, &B::wait}};
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
    static const Methods<Q> all{{"empty", 0, 0, &Q::empty}, {"full", 0, 0, &Q::full},
                                {"get", 0, 0, &Q::get},     {"join", 0, 0, &Q::join},
                                {"put", 1, 1, &Q::put},     {"qsize", 0, 0, &Q::qsize},
                                {"task_done", 0, 0, &Q::task_done}};
    return all;
  }
  // It is the first again, whatever the size is now.
  void undelivered(std::string_view operation, Object result) override {
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

std::int64_t integer_or(const Arguments& arguments, std::int64_t otherwise) {
  return arguments.size() == 0 ? otherwise : arguments[0].as_integer();
}

}  // namespace

std::shared_ptr<Referent> make_lock(Arguments&) { return std::make_shared<LockReferent>(); }
std::shared_ptr<Referent> make_rlock(Arguments&) { return std::make_shared<RLockReferent>(); }

std::shared_ptr<Referent> make_semaphore(Arguments& arguments) {
  return std::make_shared<SemaphoreReferent>(integer_or(arguments, 1), std::nullopt);
}

std::shared_ptr<Referent> make_bounded_semaphore(Arguments& arguments) {
  const std::int64_t value = integer_or(arguments, 1);
  return std::make_shared<SemaphoreReferent>(value, value);
}

std::shared_ptr<Referent> make_condition(Arguments& arguments) {
  if (arguments.size() == 0) {
    return std::make_shared<ConditionReferent>(std::make_shared<RLockReferent>());
  }
  auto lock = std::dynamic_pointer_cast<Lockable>(arguments.referent(0));
  if (!lock) throw TypeError("the lock of a Condition is a Lock or an RLock");
  return std::make_shared<ConditionReferent>(std::move(lock));
}

std::shared_ptr<Referent> make_event(Arguments&) { return std::make_shared<EventReferent>(); }

std::shared_ptr<Referent> make_barrier(Arguments& arguments, const Actions& actions) {
  if (arguments.size() != 3) throw TypeError("Barrier takes parties, an action and a timeout");
  std::function<void()> action;
  if (!arguments[1].is_none()) {
    const auto found = actions.find(arguments[1].as_text());
    if (found == actions.end()) throw ValueError("no action " + repr(arguments[1]) + " is registered");
    action = found->second;
  }
  const Timeout timeout =
      arguments[2].is_none() ? std::nullopt : Timeout(arguments[2].as_real());
  return std::make_shared<BarrierReferent>(arguments[0].as_integer(), std::move(action), timeout);
}

std::shared_ptr<Referent> make_queue(Arguments& arguments) {
  return std::make_shared<QueueReferent>(integer_or(arguments, 0));
}

}  // namespace ipc::detail
