// SPDX-License-Identifier: MIT
#include "impl/manager/managed_pool.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "impl/os/quiet_thread.h"
#include "impl/process/pool.h"

namespace ipc::detail {
namespace {

std::atomic<const Tasks*> the_tasks{nullptr};

// In a worker, which has what the server had when the pool was made.
Object run_task(const std::string& name, const Object& arguments) {
  return the_tasks.load()->at(name)(arguments.as_list());
}

// What is too much or too little is for the pool to refuse.
std::optional<int> count_in(Arguments& given, std::size_t number) {
  const Object count = given.take_or_none(number);
  if (count.is_none()) return std::nullopt;
  return static_cast<int>(
      std::clamp<std::int64_t>(count.as_integer(), 0, std::numeric_limits<int>::max()));
}

// What a task, or a map, will give.
class ResultReferent final : public Exposing<ResultReferent> {
 public:
  static const Methods<ResultReferent>& methods() {
    using R = ResultReferent;
    static const Methods<R> all{{"get", 0, 0, &R::get},
                                {"ready", 0, 0, &R::ready},
                                {"successful", 0, 0, &R::successful},
                                {"wait", 0, 0, &R::wait}};
    return all;
  }

  void give(Object value) {
    const std::lock_guard hold(mutex_);
    value_ = std::move(value);
    is_ready_ = true;
    waiters_.wake_all();
  }
  void fail(std::exception_ptr error) {
    const std::lock_guard hold(mutex_);
    error_ = std::move(error);
    is_ready_ = true;
    waiters_.wake_all();
  }

  Object value(Caller& caller) {
    std::unique_lock hold(mutex_);
    if (!waiters_.wait(caller, hold, [this] { return is_ready_; })) {
      throw TimeoutError("the result is not there yet");
    }
    if (error_) std::rethrow_exception(error_);
    return value_;
  }

 private:
  Object get(Arguments&, Caller& caller) { return value(caller); }
  Object ready(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return is_ready_;
  }
  Object successful(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    if (!is_ready_) throw ValueError("the result is not ready");
    return error_ == nullptr;
  }
  Object wait(Arguments&, Caller& caller) {
    std::unique_lock hold(mutex_);
    waiters_.wait(caller, hold, [this] { return is_ready_; });
    return {};
  }

  std::mutex mutex_;
  Waiters waiters_;
  bool is_ready_ = false;
  Object value_;
  std::exception_ptr error_;
};

// The results of several tasks, one after the other: in their order, or as they come.
class ResultsReferent final : public Exposing<ResultsReferent> {
 public:
  ResultsReferent(std::size_t count, bool is_ordered) : results_(count), is_ordered_(is_ordered) {}

  static const Methods<ResultsReferent>& methods() {
    static const Methods<ResultsReferent> all{{"next", 0, 0, &ResultsReferent::next}};
    return all;
  }
  // Is the next again.
  void undelivered(std::string_view, Arguments& given, Object&& result) override {
    if (!given.taken_from) return;
    const std::lock_guard hold(mutex_);
    results_[*given.taken_from].value = std::move(result.as_list()[0]);
    again_.push_front(*given.taken_from);
    waiters_.wake_one();
  }

  void set(std::size_t number, Object value, std::exception_ptr error) {
    const std::lock_guard hold(mutex_);
    Result& result = results_[number];
    result.value = std::move(value);
    result.error = std::move(error);
    result.is_there = true;
    if (!is_ordered_) came_.push_back(number);
    waiters_.wake_all();
  }

 private:
  struct Result {
    bool is_there = false;
    Object value;
    std::exception_ptr error;
  };

  bool is_next_there() const {
    if (!again_.empty() || taken_ == results_.size()) return true;
    return is_ordered_ ? results_[taken_].is_there : !came_.empty();
  }

  // A list of it; none after the last.
  Object next(Arguments& given, Caller& caller) {
    std::unique_lock hold(mutex_);
    if (!waiters_.wait(caller, hold, [this] { return is_next_there(); })) {
      throw TimeoutError("the next result is not there yet");
    }
    std::size_t number = taken_;
    if (!again_.empty()) {
      number = again_.front();
      again_.pop_front();
    } else if (taken_ == results_.size()) {
      return {};
    } else {
      ++taken_;
      if (!is_ordered_) {
        number = came_.front();
        came_.pop_front();
      }
    }
    if (results_[number].error) std::rethrow_exception(results_[number].error);
    given.taken_from = number;
    return Object::list(Object::pack(std::exchange(results_[number].value, {})));
  }

  std::mutex mutex_;
  Waiters waiters_;
  std::vector<Result> results_;
  std::size_t taken_ = 0;
  std::deque<std::size_t> came_;   // where they are not ordered
  std::deque<std::size_t> again_;  // taken, and not delivered
  const bool is_ordered_;
};

class PoolReferent final : public Exposing<PoolReferent>,
                           public std::enable_shared_from_this<PoolReferent> {
 public:
  PoolReferent(std::optional<int> processes, const Tasks& tasks)
      : tasks_(tasks), pool_(std::make_unique<Pool>(processes)) {}
  // Elsewhere: this may be the pool's own thread, and the end takes a while.
  ~PoolReferent() override {
    try {
      quiet_thread([pool = std::move(pool_)]() mutable { pool.reset(); }).detach();
    } catch (const std::exception&) {  // no thread, or no memory for one: it has ended here
    }
  }
  PoolReferent(const PoolReferent&) = delete;
  PoolReferent& operator=(const PoolReferent&) = delete;

  static const Methods<PoolReferent>& methods() {
    using P = PoolReferent;
    static const Methods<P> all{{"apply", 2, 2, &P::apply},
                                {"apply_async", 2, 2, &P::apply_async},
                                {"close", 0, 0, &P::close},
                                {"imap", 2, 2, &P::imap},
                                {"imap_unordered", 2, 2, &P::imap_unordered},
                                {"join", 0, 0, &P::join},
                                {"map", 2, 3, &P::map},
                                {"map_async", 2, 3, &P::map_async},
                                {"starmap", 2, 3, &P::starmap},
                                {"starmap_async", 2, 3, &P::starmap_async},
                                {"terminate", 0, 0, &P::terminate}};
    return all;
  }

 private:
  using Task = std::tuple<std::string, Object>;  // a name, a list of arguments
  using Result = std::shared_ptr<ResultReferent>;

  std::string task(const Object& name) const {
    const std::string& text = name.as_text();
    if (!tasks_.contains(text)) throw ValueError("no task '" + text + "' is registered");
    return text;
  }
  static Object a_list(Object items) {
    if (items.is_tuple()) return Object::list(Object::List(items.as_tuple()));
    items.as_list();  // throws TypeError
    return items;
  }

  Result begin(Arguments& given) {
    auto result = std::make_shared<ResultReferent>();
    pool_->apply_async(
        &run_task, Task(task(given[0]), a_list(given.take(1))),
        {.callback = [result](const Object& value) { result->give(value); },
         .error_callback = [result](const std::exception_ptr& error) { result->fail(error); }});
    return result;
  }
  Object apply(Arguments& given, Caller& caller) { return begin(given)->value(caller); }
  Object apply_async(Arguments& given, Caller& caller) {
    return caller.adopt("AsyncResult", begin(given));
  }

  // Each item is an argument, or where `is_star` a list of them.
  std::vector<Task> tasks_of(Arguments& given, bool is_star) const {
    const std::string name = task(given[0]);
    std::vector<Task> all;
    Object items = a_list(given.take(1));
    for (Object& item : items.as_list()) {
      all.emplace_back(name, is_star ? a_list(std::move(item)) : Object::list({std::move(item)}));
    }
    return all;
  }
  Result begin_all(Arguments& given, bool is_star) {
    const std::optional<int> chunksize = count_in(given, 2);
    auto result = std::make_shared<ResultReferent>();
    pool_->starmap_async(
        &run_task, tasks_of(given, is_star), chunksize,
        {.callback =
             [result](const std::vector<Object>& values) { result->give(Object::list(values)); },
         .error_callback = [result](const std::exception_ptr& error) { result->fail(error); }});
    return result;
  }
  Object map(Arguments& given, Caller& caller) { return begin_all(given, false)->value(caller); }
  Object starmap(Arguments& given, Caller& caller) { return begin_all(given, true)->value(caller); }
  Object map_async(Arguments& given, Caller& caller) {
    return caller.adopt("AsyncResult", begin_all(given, false));
  }
  Object starmap_async(Arguments& given, Caller& caller) {
    return caller.adopt("AsyncResult", begin_all(given, true));
  }

  Object stream(Arguments& given, Caller& caller, bool is_ordered) {
    const std::vector<Task> all = tasks_of(given, false);
    auto results = std::make_shared<ResultsReferent>(all.size(), is_ordered);
    for (std::size_t i = 0; i < all.size(); ++i) {
      pool_->apply_async(
          &run_task, all[i],
          {.callback = [results, i](const Object& value) { results->set(i, value, {}); },
           .error_callback = [results,
                              i](const std::exception_ptr& error) { results->set(i, {}, error); }});
    }
    return caller.adopt("PoolIterator", std::move(results));
  }
  Object imap(Arguments& given, Caller& caller) { return stream(given, caller, true); }
  Object imap_unordered(Arguments& given, Caller& caller) { return stream(given, caller, false); }

  Object close(Arguments&, Caller&) {
    pool_->close();
    return {};
  }
  Object terminate(Arguments&, Caller&) {
    pool_->terminate();
    return {};
  }
  // In a thread of its own, for it does not see that its caller has gone.
  Object join(Arguments&, Caller& caller) {
    const auto joined = std::make_shared<ResultReferent>();
    quiet_thread([self = shared_from_this(), joined] {
      try {
        self->pool_->join();
        joined->give({});
      } catch (const std::exception&) {
        joined->fail(std::current_exception());
      }
    }).detach();
    return joined->value(caller);
  }

  const Tasks& tasks_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace

std::shared_ptr<Referent> make_pool(Arguments& arguments, const Tasks& tasks) {
  const std::optional<int> processes = count_in(arguments, 0);
  the_tasks.store(&tasks);  // before the workers are forked
  return std::make_shared<PoolReferent>(processes, tasks);
}

}  // namespace ipc::detail
