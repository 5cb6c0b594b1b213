// SPDX-License-Identifier: MIT
// Pool: processes that wait for tasks, as Python's multiprocessing.Pool.
//
//   int square(int x) { return x * x; }
//
//   ipc::Pool pool(4);
//   pool.apply(square, 7);                                    // 49
//   ipc::AsyncResult<int> later = pool.apply_async(square, 8);
//   pool.map(square, std::vector{1, 2, 3});                   // {1, 4, 9}
//   for (int x : pool.imap_unordered(square, numbers)) ...    // as they come
//   pool.close();                                             // no more tasks
//   pool.join();
//
// A task is a function, or a lambda that captures nothing, with arguments that msgpack carries; it
// gets copies. What cannot be carried is an error of the result, as in Python. A Connection goes as
// its handle, and a result of one is its handle(): fetched from the worker, which must not leave
// after that task (maxtasksperchild). Workers are forked when the pool is made: what a task uses
// beside its arguments must have been there before. They are daemons, and cannot start processes.
// Tasks begin in the order in which they were given.
//
// Who may call: any thread of the process that made the pool, which writes small tasks to the
// worker itself: a program that handles SIGPIPE may see it there. In other processes all but
// processes() throw StateError. Callbacks run in a thread of the pool (for a map of nothing in the
// caller's) and must not wait for one of its results, nor destroy it; a Process that one starts is
// killed when the pool has ended.
//
// Ends: a task that throws gives its TaskError to who asks for the result. A worker that is killed,
// or that leaves in the middle of a task, costs that task, whose result is WorkerDied, and another
// takes its place; Python waits for ever. The destructor terminates: call close() and join() first
// to have all tasks done.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "impl/process/async_result.h"
#include "impl/process/pool_core.h"
#include "impl/process/results.h"
#include "impl/process/task.h"

namespace ipc {

class Pool {
  template <class F, class Arguments>
  using R = detail::result_of_t<F, Arguments>;
  template <class... A>
  using Arguments = std::tuple<detail::Carried<A>...>;
  template <class Range>
  using Item = detail::Carried<std::ranges::range_reference_t<Range>>;
  // What a map gives of functions that give T.
  template <class T>
  using Mapped = std::conditional_t<std::is_void_v<T>, void, std::vector<T>>;

 public:
  // As many workers as the machine has CPUs unless told. Throws ValueError for less than one and
  // for a maxtasksperchild of less than one, std::system_error when they cannot be started.
  explicit Pool(std::optional<int> processes = std::nullopt, PoolOptions options = {})
      : core_(std::make_unique<detail::PoolCore>(processes, std::move(options))) {}
  ~Pool() {
    if (!core_->is_here()) static_cast<void>(core_.release());  // a copy made by fork: no thread
  }

  // function(arguments...) in a worker; waits for what it gives. Throws what AsyncResult::get does.
  template <TaskFunction F, class... A>
  auto apply(F function, A&&... arguments) {
    return apply_async(function, std::forward<A>(arguments)...).get();
  }
  // The same without waiting. Throws ValueError after close or terminate, and where no worker can
  // be had any more what ended the pool: WorkerDied or std::system_error. So do all that give
  // tasks.
  template <TaskFunction F, class... A>
  AsyncResult<R<F, Arguments<A...>>> apply_async(F function, A&&... arguments) {
    return call_async(function, Arguments<A...>(std::forward<A>(arguments)...), {});
  }
  // apply_async(f, std::tuple(1, "a"), {.callback = ...})
  template <TaskFunction F, class... A>
  AsyncResult<R<F, Arguments<A...>>> apply_async(
      F function, const std::tuple<A...>& arguments,
      const std::type_identity_t<Callbacks<R<F, Arguments<A...>>>>& callbacks) {
    return call_async(function, Arguments<A...>(arguments), callbacks);
  }
  // Queues, locks and shared values are for the initializer, or for a variable that was there
  // before the pool: as arguments they make the result an InheritanceError, as in Python
  // (among the items of a map they do not compile).
  template <TaskFunction F, class... A>
  requires(InheritOnly<A> || ...) auto apply_async(F, A&&...) {
    return refuse<std::remove_cvref_t<std::invoke_result_t<F, A...>>, A...>({});
  }
  template <TaskFunction F, class... A>
  requires(InheritOnly<A> || ...) auto apply_async(
      F, const std::tuple<A...>&,
      const std::type_identity_t<Callbacks<std::remove_cvref_t<std::invoke_result_t<F, A...>>>>&
          callbacks) {
    return refuse<std::remove_cvref_t<std::invoke_result_t<F, A...>>, A...>(callbacks);
  }

  // The function of each item, in the order of the items. The workers get them in chunks, by
  // default so that each has about four; of a chunk with an item whose function throws nothing else
  // is kept. After all chunks are done, the first error that came is thrown. The result is a
  // vector, or nothing of functions that give nothing.
  template <TaskFunction F, std::ranges::input_range Items>
  auto map(F function, Items&& items, std::optional<int> chunksize = std::nullopt) {
    return map_async(function, std::forward<Items>(items), chunksize).get();
  }
  template <TaskFunction F, std::ranges::input_range Items>
  auto map_async(F function, Items&& items, std::optional<int> chunksize = std::nullopt,
                 const Callbacks<Mapped<R<F, std::tuple<Item<Items>>>>>& callbacks = {}) {
    return gather<F, std::tuple<Item<Items>>>(function, std::forward<Items>(items), chunksize,
                                              callbacks);
  }
  // The same of a function of several arguments, for items that are tuples of them.
  template <TaskFunction F, std::ranges::input_range Items>
  auto starmap(F function, Items&& items, std::optional<int> chunksize = std::nullopt) {
    return starmap_async(function, std::forward<Items>(items), chunksize).get();
  }
  template <TaskFunction F, std::ranges::input_range Items>
  auto starmap_async(F function, Items&& items, std::optional<int> chunksize = std::nullopt,
                     const Callbacks<Mapped<R<F, Item<Items>>>>& callbacks = {}) {
    return gather<F, Item<Items>>(function, std::forward<Items>(items), chunksize, callbacks);
  }

  // The function of each item, in chunks: results can be taken while others are still to come, in
  // the order of the items, or chunk by chunk as they come. Of functions that give nothing they are
  // std::monostate. The items are all read before it returns: a range that throws throws here, and
  // one without end never returns (Python reads them in a thread, and raises in their place).
  template <TaskFunction F, std::ranges::input_range Items>
  auto imap(F function, Items&& items, int chunksize = 1) {
    return stream(function, std::forward<Items>(items), chunksize, true);
  }
  template <TaskFunction F, std::ranges::input_range Items>
  auto imap_unordered(F function, Items&& items, int chunksize = 1) {
    return stream(function, std::forward<Items>(items), chunksize, false);
  }

  int processes() const { return core_->processes(); }

  // No more tasks; the workers end when all are done. A second time does nothing.
  void close() { core_->close(); }
  // Ends the workers now (SIGTERM, and SIGKILL after a second for those that handle it): tasks that
  // are not done give PoolTerminated.
  void terminate() { core_->terminate(); }
  // Waits until the workers have ended. Throws ValueError before close or terminate, StateError in
  // a callback.
  void join() { core_->join(); }

 private:
  static void nothing() {}

  // A result that fails in its turn, as a task's would.
  template <class T, class... A>
  AsyncResult<T> refuse(const Callbacks<T>& callbacks) {
    std::string_view name;
    const auto look = [&]<class One>(std::type_identity<One>) {
      if constexpr (InheritOnly<One>) name = std::remove_cvref_t<One>::kInheritedAs;
    };
    (look(std::type_identity<A>{}), ...);
    return enter<T>(
        [name]() -> detail::Bytes {
          throw InheritanceError(std::string(name) +
                                 " objects should only be shared between processes through "
                                 "inheritance");
        },
        callbacks);
  }

  // A job whose task `make` gives. What that throws, or the task, is for `fail`, in the task's
  // turn; what the task gives is for `give`, as `decode` makes it. Of the two one is called, once.
  template <class Make, class Decode, class Give, class Fail>
  static detail::PoolCore::Job job(const Make& make, Decode decode, Give give, Fail fail) {
    detail::PoolCore::Job made;
    std::exception_ptr unfit;
    try {
      made.task = make();
    } catch (...) {
      unfit = std::current_exception();
      made.task = detail::make_task(
          {detail::run_call<void (*)(), std::tuple<>>, detail::word_of(&nothing)}, std::tuple<>());
    }
    made.done.give = [unfit, decode, give, fail](std::span<const std::byte> outcome) {
      std::optional<std::invoke_result_t<Decode, std::span<const std::byte>>> value;
      std::exception_ptr error = unfit;
      if (!error) {
        try {
          value.emplace(decode(outcome));
        } catch (...) {
          error = std::current_exception();
        }
      }
      error ? fail(error) : give(*std::move(value));
    };
    made.done.fail = fail;
    return made;
  }

  // One task, as `make` gives it, and its result.
  template <class T, class Make>
  AsyncResult<T> enter(const Make& make, const Callbacks<T>& callbacks) {
    using Value = detail::ValueOf<T>;
    AsyncResult<T> result(callbacks);
    core_->submit(job(
        make, detail::decoded<Value>, [result](Value value) { result.give(std::move(value)); },
        [result](const std::exception_ptr& error) { result.fail(error); }));
    return result;
  }

  template <class F, class Given>
  AsyncResult<R<F, Given>> call_async(F function, const Given& arguments,
                                      const Callbacks<R<F, Given>>& callbacks) {
    return enter<R<F, Given>>(
        [&] {
          return detail::make_task({detail::run_call<F, Given>, detail::word_of(function)},
                                   arguments);
        },
        callbacks);
  }

  // The jobs of all items, in chunks of `size`: give_to(number) and fail_to(number) say what is
  // done with a chunk's results.
  template <class F, class Each, class GiveTo, class FailTo>
  static std::vector<detail::PoolCore::Job> chunk_jobs(F function, const std::vector<Each>& all,
                                                       std::size_t size, const GiveTo& give_to,
                                                       const FailTo& fail_to) {
    using Value = detail::ValueOf<R<F, Each>>;
    std::vector<detail::PoolCore::Job> jobs;
    for (std::size_t first = 0; first < all.size(); first += size) {
      const std::size_t number = jobs.size();
      const std::size_t count = std::min(size, all.size() - first);
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
      jobs.push_back(job(
          [&] {
            return detail::make_task(
                {detail::run_chunk<F, Each>, detail::word_of(function)},
                std::vector<Each>(begin, begin + static_cast<std::ptrdiff_t>(count)));
          },
          [count](std::span<const std::byte> outcome) {
            return detail::decoded_chunk<Value>(outcome, count);
          },
          give_to(number), fail_to(number)));
    }
    return jobs;
  }

  template <class Each, class Items>
  static std::vector<Each> items_of(Items&& items) {
    std::vector<Each> all;
    for (auto&& item : items) all.emplace_back(std::forward<decltype(item)>(item));
    return all;
  }

  // What the chunks of a map gave so far. Touched by the pool's thread only.
  template <class Value>
  struct Chunks {
    std::vector<std::vector<Value>> values;
    std::size_t left = 0;
    std::exception_ptr error;

    std::vector<Value> all() {
      std::vector<Value> joined;
      for (auto& part : values) std::ranges::move(part, std::back_inserter(joined));
      return joined;
    }
  };

  template <class F, class Each, class Items, class Calls>
  AsyncResult<Mapped<R<F, Each>>> gather(F function, Items&& items, std::optional<int> chunksize,
                                         const Calls& callbacks) {
    using T = Mapped<R<F, Each>>;
    using Value = detail::ValueOf<R<F, Each>>;
    require_chunksize(chunksize.value_or(1));
    core_->require_running();
    AsyncResult<T> result(callbacks);
    const std::vector<Each> all = items_of<Each>(std::forward<Items>(items));
    if (all.empty()) {
      result.give({});
      return result;
    }
    constexpr std::size_t kChunksPerWorker = 4;
    const std::size_t parts = kChunksPerWorker * static_cast<std::size_t>(processes());
    const std::size_t size =
        chunksize ? static_cast<std::size_t>(*chunksize) : (all.size() + parts - 1) / parts;
    const auto chunks = std::make_shared<Chunks<Value>>();
    chunks->left = (all.size() + size - 1) / size;
    chunks->values.resize(chunks->left);
    const auto finish = [chunks, result] {
      if (--chunks->left != 0) return;
      if (chunks->error) return result.fail(chunks->error);
      if constexpr (std::is_void_v<T>) {
        result.give({});
      } else {
        std::vector<Value> values;
        try {
          values = chunks->all();
        } catch (...) {  // no memory for them
          return result.fail(std::current_exception());
        }
        result.give(std::move(values));
      }
    };
    core_->submit_all(chunk_jobs<F>(
        function, all, size,
        [&](std::size_t number) {
          return [chunks, finish, number](std::vector<Value> values) {
            chunks->values[number] = std::move(values);
            finish();
          };
        },
        [&](std::size_t) {
          return [chunks, finish](const std::exception_ptr& error) {
            if (!chunks->error) chunks->error = error;
            finish();
          };
        }));
    return result;
  }

  template <class F, class Items>
  auto stream(F function, Items&& items, int chunksize, bool is_ordered) {
    using Each = std::tuple<Item<Items>>;
    using Value = detail::ValueOf<R<F, Each>>;
    require_chunksize(chunksize);
    core_->require_running();
    Results<Value> results;
    const auto shared = results.shared_;
    shared->is_ordered = is_ordered;
    const std::vector<Each> all = items_of<Each>(std::forward<Items>(items));
    const auto size = static_cast<std::size_t>(chunksize);
    shared->count = (all.size() + size - 1) / size;
    core_->submit_all(chunk_jobs<F>(
        function, all, size,
        [&](std::size_t place) {
          return
              [shared, place](std::vector<Value> values) { shared->put(place, std::move(values)); };
        },
        [&](std::size_t place) {
          return [shared, place](const std::exception_ptr& error) { shared->put(place, error); };
        }));
    return results;
  }

  static void require_chunksize(int chunksize) {
    if (chunksize >= 1) return;
    throw ValueError("chunksize is " + std::to_string(chunksize) + ": wanted at least 1");
  }

  std::unique_ptr<detail::PoolCore> core_;
};

}  // namespace ipc
