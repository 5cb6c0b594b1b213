// SPDX-License-Identifier: MIT
#include "impl/os/presence.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "impl/os/error.h"
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
  static Registrar& here() {
    static auto* const registrars = new PerProcess<Registrar>;  // never destroyed: used to the end
    return registrars->get();
  }

  // Takes the word if nobody has it. `node` is its neighbour in a Presence.
  bool enter(robust_list& node, std::atomic<std::uint32_t>& word) {
    std::lock_guard hold(mutex_);
    start(reinterpret_cast<char*>(&word) - reinterpret_cast<char*>(&node));
    if (entered_ == kMost) return false;
    // From here on the kernel looks at this one as well, whether it is in the list yet or not.
    __atomic_store_n(&list_.list_op_pending, &node, __ATOMIC_SEQ_CST);
    std::uint32_t found = word.load();
    bool taken = false;
    while (!taken && (found & FUTEX_TID_MASK) == 0) {
      taken = word.compare_exchange_weak(found, (found & FUTEX_WAITERS) | thread_);
    }
    if (taken) {
      node.next = list_.list.next;
      __atomic_store_n(&list_.list.next, &node, __ATOMIC_SEQ_CST);
      ++entered_;
    }
    __atomic_store_n(&list_.list_op_pending, nullptr, __ATOMIC_SEQ_CST);
    return taken;
  }

  // Gives the word up and wakes the sleeper. Killed before that, the kernel does: it does so for a
  // pending word of zero.
  void leave(robust_list& node, std::atomic<std::uint32_t>& word) {
    std::lock_guard hold(mutex_);
    __atomic_store_n(&list_.list_op_pending, &node, __ATOMIC_SEQ_CST);
    for (robust_list* before = &list_.list; before->next != &list_.list; before = before->next) {
      if (before->next != &node) continue;
      __atomic_store_n(&before->next, node.next, __ATOMIC_SEQ_CST);
      --entered_;
      break;
    }
    if ((word.exchange(0) & FUTEX_WAITERS) != 0) futex_wake(word, 1);
    __atomic_store_n(&list_.list_op_pending, nullptr, __ATOMIC_SEQ_CST);
  }

 private:
  // The first call starts the thread.
  void start(std::ptrdiff_t from_node_to_word) {
    if (thread_ != 0) return;
    list_.list.next = &list_.list;
    list_.futex_offset = from_node_to_word;
    std::promise<int> listed;
    std::future<int> error = listed.get_future();
    quiet_thread([this, listed = std::move(listed)]() mutable {
      thread_ = static_cast<std::uint32_t>(gettid());
      const long result = syscall(SYS_set_robust_list, &list_, sizeof list_);
      listed.set_value(result == 0 ? 0 : errno);
      for (;;) pause();
    }).detach();
    errno = error.get();
    if (errno != 0) throw_errno("set_robust_list");
  }

  std::mutex mutex_;
  robust_list_head list_{};
  std::uint32_t thread_ = 0;
  std::size_t entered_ = 0;
};

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

void Presence::Stay::enter(Presence& presence) {
  Registrar& here = Registrar::here();
  if (!here.enter(presence.node_, presence.word_)) return;
  presence_ = &presence;
  generation_ = fork_generation();
}

}  // namespace ipc
