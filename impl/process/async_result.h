// SPDX-License-Identifier: MIT
// AsyncResult: what a task of a Pool will give, as Python's multiprocessing.pool.AsyncResult.
//
// Any thread may ask, of the process that has the pool (in one forked meanwhile it may never become
// ready), and copies are the same result. It becomes ready after the callback returned.
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "impl/os/error.h"
#include "impl/os/timeout.h"

namespace ipc {

// The time is over (Python's multiprocessing.TimeoutError).
class TimeoutError : public Error {
 public:
  using Error::Error;
};

// What a task threw, in a process that is not this one: the name of its type, and its what().
class TaskError : public Error {
 public:
  TaskError(std::string type, const std::string& text)
      : Error(type + ": " + text), type_(std::move(type)) {}
  const std::string& type() const { return type_; }

 private:
  std::string type_;
};

// The worker that ran the task ended before it had the result, or none was made ready for it.
// Python waits for ever.
class WorkerDied : public Error {
 public:
  using Error::Error;
};

// The pool was terminated before the task was done. Python waits for ever.
class PoolTerminated : public Error {
 public:
  using Error::Error;
};

namespace detail {

// Prints what an exception of a callback says: it must not end the thread that all results pass.
void report_callback(std::exception_ptr error);

// Until `look` is true, which is asked after each change; false when the time is over first.
template <class Look>
bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& hold,
                Deadline deadline, const Look& look) {
  while (!look()) {
    if (deadline.passed()) return false;
    if (deadline.is_never()) {
      changed.wait(hold);
    } else {
      changed.wait_for(hold, std::chrono::nanoseconds(deadline.ns() - monotonic_ns()));
    }
  }
  return true;
}

// One value or error, given by one thread and taken by any.
template <class Value>
class Promised {
 public:
  void give(Value value) {
    finish([&] { value_ = std::move(value); });
  }
  void fail(std::exception_ptr error) {
    finish([&] { error_ = std::move(error); });
  }
  bool wait(Timeout timeout) {
    std::unique_lock hold(mutex_);
    return wait_until(changed_, hold, deadline_of(timeout), [&] { return is_ready(); });
  }
  bool ready() {
    const std::lock_guard hold(mutex_);
    return is_ready();
  }
  // REQUIRES of these: ready.
  bool successful() const { return value_.has_value(); }
  const Value& value() const {
    if (error_) std::rethrow_exception(error_);
    return *value_;
  }

 private:
  bool is_ready() const { return value_ || error_; }
  // Notifies without the mutex, which who wakes would wait for. Who gives has a share of this.
  template <class Change>
  void finish(const Change& change) {
    {
      const std::lock_guard hold(mutex_);
      change();
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Value> value_;
  std::exception_ptr error_;
};

// void as a value.
template <class T>
using ValueOf = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

}  // namespace detail

// Called in a thread of the process that has the pool, one at a time, in the order in which tasks
// are done. What they throw is printed. A value is not there for a T that is void.
template <class T>
struct Callbacks {
  std::function<void(const detail::ValueOf<T>&)> callback = {};
  std::function<void(std::exception_ptr)> error_callback = {};
};

template <class T>
class AsyncResult {
  using Value = detail::ValueOf<T>;

 public:
  // The value, each time it is asked for. Throws what the task did (TaskError), WorkerDied,
  // PoolTerminated, DecodeError for a result of another type, TimeoutError, what kept the task from
  // being sent (ValueError, InheritanceError, MessageTooBig), and std::system_error where no worker
  // could be started.
  T get(Timeout timeout = std::nullopt) const {
    if (!promised_->wait(timeout)) throw TimeoutError("the result is not there yet");
    if constexpr (std::is_void_v<T>) {
      static_cast<void>(promised_->value());
    } else {
      return promised_->value();
    }
  }
  void wait(Timeout timeout = std::nullopt) const { promised_->wait(timeout); }
  bool ready() const { return promised_->ready(); }
  // Whether get would give a value. Throws ValueError before it is ready.
  bool successful() const {
    if (!ready()) throw ValueError("the result is not there yet");
    return promised_->successful();
  }

 private:
  friend class Pool;
  explicit AsyncResult(Callbacks<T> callbacks) : callbacks_(std::move(callbacks)) {}

  void give(Value value) const {
    call_back(callbacks_.callback, value);
    promised_->give(std::move(value));
  }
  void fail(const std::exception_ptr& error) const {
    call_back(callbacks_.error_callback, error);
    promised_->fail(error);
  }
  template <class Callback, class Argument>
  static void call_back(const Callback& callback, const Argument& argument) {
    if (!callback) return;
    try {
      callback(argument);
    } catch (...) {
      detail::report_callback(std::current_exception());
    }
  }

  std::shared_ptr<detail::Promised<Value>> promised_ = std::make_shared<detail::Promised<Value>>();
  Callbacks<T> callbacks_;
};

}  // namespace ipc
