// SPDX-License-Identifier: MIT
// Results: what an iterating map of a Pool gives, one after the other, while others are to come.
//
// Any thread may ask; each result goes to one of those who do. Copies are the same results.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <utility>
#include <variant>
#include <vector>

#include "impl/process/async_result.h"

namespace ipc {

// The results of Pool::imap and imap_unordered, one after the other.
template <class R>
class Results {
 public:
  // The next one; none after the last. Throws what its task did, once for its chunk, and the one
  // after that can be asked for (Python ends there when a chunk has several); TimeoutError.
  std::optional<R> next(Timeout timeout = std::nullopt) const {
    std::unique_lock hold(shared_->mutex);
    const auto found = [&all = *shared_] {
      return all.is_ordered ? all.there.find(all.taken) : all.there.begin();
    };
    const auto is_over = [&all = *shared_] { return all.taken == all.count; };
    if (!detail::wait_until(shared_->changed, hold, deadline_of(timeout), [&] {
          return !shared_->chunk.empty() || is_over() || found() != shared_->there.end();
        })) {
      throw TimeoutError("the next result is not there yet");
    }
    if (shared_->chunk.empty()) {
      if (is_over()) return std::nullopt;
      auto outcome = shared_->there.extract(found()).mapped();
      ++shared_->taken;
      shared_->changed.notify_all();  // for others who wait for the next, or for the end
      if (const auto* const error = std::get_if<std::exception_ptr>(&outcome)) {
        std::rethrow_exception(*error);
      }
      std::ranges::move(std::get<std::vector<R>>(outcome), std::back_inserter(shared_->chunk));
    }
    std::optional<R> value = std::move(shared_->chunk.front());
    shared_->chunk.pop_front();
    return value;
  }

  // For a loop over all of them.
  class Iterator {
   public:
    using value_type = R;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(const Results& results) : results_(&results), value_(results.next()) {}
    const R& operator*() const { return *value_; }
    Iterator& operator++() {
      value_ = results_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !value_; }

   private:
    const Results* results_;
    std::optional<R> value_;
  };
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class Pool;
  using Outcome = std::variant<std::vector<R>, std::exception_ptr>;  // of a chunk, never empty

  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<R> chunk;  // what is left of the last one that was taken
    std::map<std::size_t, Outcome> there;
    std::size_t count = 0;  // of chunks, as all that follow
    std::size_t taken = 0;
    std::size_t arrived = 0;
    bool is_ordered = true;

    void put(std::size_t place, Outcome outcome) {
      {
        const std::lock_guard hold(mutex);
        there.emplace(is_ordered ? place : arrived++, std::move(outcome));
      }
      changed.notify_all();
    }
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace ipc
