// SPDX-License-Identifier: MIT
#include "impl/os/presence.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "impl/os/futex.h"
#include "impl/os/per_process.h"
#include "impl/os/quiet_thread.h"

namespace ipc {
namespace {

// The kernel looks at no more than 2048 of a thread's list.
constexpr std::size_t kMost = 2000;

// The thread that stands for this process, and the list that the kernel goes through at its end. It
// does nothing else, so it ends when the process does. Its list is a plain one and never that of
// glibc, whose robust mutexes belong to other threads.
class Registrar {
 public:
  static Registrar& here();

  // Takes the word if nobody has it. `node` is its neighbour in a Presence.
  bool enter(robust_list& node, std::atomic<std::uint32_t>& word) {
    std::lock_guard hold(mutex_);
    if (!start(reinterpret_cast<char*>(&word) - reinterpret_cast<char*>(&node))) return false;
    if (entered_.size() == kMost) return false;
    if (std::find(entered_.begin(), entered_.end(), &node) != entered_.end()) return false;
    entered_.push_back(&node);
    // From here on the kernel looks at this one as well, whether it is in the list yet or not.
    set(list_.list_op_pending, &node);
    std::uint32_t found = word.load();
    bool taken = false;
    while (!taken && (found & FUTEX_TID_MASK) == 0) {
      taken = word.compare_exchange_weak(found, (found & FUTEX_WAITERS) | thread_);
    }
    if (taken) {
      node.next = entered_.size() == 1 ? &list_.list : entered_[entered_.size() - 2];
      set(list_.list.next, &node);
    } else {
      entered_.pop_back();
    }
    set(list_.list_op_pending, nullptr);
    return taken;
  }

  // Gives the word up and wakes the sleeper. Killed before that, the kernel does: it does so for a
  // pending word of zero.
  void leave(robust_list& node, std::atomic<std::uint32_t>& word) {
    std::lock_guard hold(mutex_);
    set(list_.list_op_pending, &node);
    const auto found = std::find(entered_.begin(), entered_.end(), &node);
    robust_list* const after = found == entered_.begin() ? &list_.list : *(found - 1);
    set(found + 1 == entered_.end() ? list_.list.next : (*(found + 1))->next, after);
    entered_.erase(found);
    if ((word.exchange(0) & FUTEX_WAITERS) != 0) futex_wake(word, 1);
    set(list_.list_op_pending, nullptr);
  }

 private:
  // The kernel may look after each of these, and only then.
  static void set(robust_list*& place, robust_list* value) {
    __atomic_store_n(&place, value, __ATOMIC_SEQ_CST);
  }

  // The first call starts the thread. False when that is impossible.
  bool start(std::ptrdiff_t from_node_to_word) {
    if (tried_) return thread_ != 0;
    list_.list.next = &list_.list;
    list_.futex_offset = from_node_to_word;
    std::promise<std::uint32_t> listed;  // the thread, or 0
    std::future<std::uint32_t> answer = listed.get_future();
    try {
      quiet_thread([this, listed = std::move(listed)]() mutable {
        const long error = syscall(SYS_set_robust_list, &list_, sizeof list_);
        listed.set_value(error == 0 ? static_cast<std::uint32_t>(gettid()) : 0);
        for (;;) pause();
      }).detach();
    } catch (const std::system_error&) {
      return false;  // perhaps next time
    }
    tried_ = true;
    thread_ = answer.get();
    return thread_ != 0;
  }

  std::mutex mutex_;
  robust_list_head list_{};
  // Those in the list, the first last: it lies in memory of others, whom nobody trusts.
  std::vector<robust_list*> entered_;
  bool tried_ = false;
  std::uint32_t thread_ = 0;
};

// Never destroyed: used to the end. Not made at first use, for a fork may come in between.
PerProcess<Registrar>& registrars = *new PerProcess<Registrar>;

Registrar& Registrar::here() { return registrars.get(); }

}  // namespace

void Presence::wake() {
  word_.fetch_or(kWoken);
  futex_wake(word_, 1);
}

std::uint32_t Presence::lie_down() {
  std::uint32_t found = word_.load();
  while (!word_.compare_exchange_weak(found, (found & ~kWoken) | FUTEX_WAITERS)) {
  }
  return (found & ~kWoken) | FUTEX_WAITERS;
}

void Presence::wait(std::uint32_t asleep, Deadline deadline) const {
  futex_wait(word_, asleep, deadline);
}

void Presence::get_up() { word_.fetch_and(~(FUTEX_WAITERS | kWoken)); }

Presence::Stay::~Stay() {
  if (presence_ == nullptr || generation_ != fork_generation()) return;
  Registrar::here().leave(presence_->node_, presence_->word_);
}

bool Presence::Stay::enter(Presence& presence) {
  if (!Registrar::here().enter(presence.node_, presence.word_)) return false;
  presence_ = &presence;
  generation_ = fork_generation();
  return true;
}

}  // namespace ipc
