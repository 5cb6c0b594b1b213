// SPDX-License-Identifier: MIT
#include "impl/manager/locks.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>

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

// What the client of a lock calls.
template <class L>
class ExposedLock : public Exposing<L>, public Lockable {
 public:
  static const Methods<L>& methods() {
    static const Methods<L> all{{"acquire", 0, 0, &ExposedLock::acquire},
                                {"release", 0, 0, &ExposedLock::release}};
    return all;
  }

 private:
  Object acquire(Arguments&, Caller& caller) { return acquire_for(caller); }
  Object release(Arguments&, Caller& caller) {
    release_for(caller.user);
    return {};
  }
};

class LockReferent final : public ExposedLock<LockReferent> {
 public:
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
  void let_go() {
    holder_.reset();
    waiters_.wake_one();
  }

  std::mutex mutex_;
  Waiters waiters_;
  std::optional<User> holder_;
};

class RLockReferent final : public ExposedLock<RLockReferent> {
 public:
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
    const bool is_taken =
        waiters_.wait(caller, hold, [&] { return depth_ == 0 || holder_ == caller.user; });
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
  void undelivered(std::string_view operation, Arguments&, Object&& result) override {
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
  // A notification that nobody got is another's.
  void undelivered(std::string_view operation, Arguments&, Object&& result) override {
    if (operation != "wait" || !result.as_bool()) return;
    const std::lock_guard hold(mutex_);
    notify_locked(1);
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

}  // namespace ipc::detail
