// SPDX-License-Identifier: MIT
// sysv_sem: a System V semaphore of 1, whose operations the kernel undoes when a process ends
// (SEM_UNDO). Wait class: block; every acquire and release is a system call. Kernel objects: a set
// of one semaphore, and a page (os/sysv_holders.h). Source: semop(2). Limit: /proc/sys/kernel/sem;
// what a killed holder had half written stays half written.
#include <sys/ipc.h>
#include <sys/sem.h>

#include <cerrno>

#include "impl/os/error.h"
#include "impl/os/kernel_limit.h"
#include "impl/os/sysv_holders.h"
#include "impl/shared/in_place.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace ipc {
namespace {

constexpr const char* kLimits = "/proc/sys/kernel/sem";

class SysvSem : public InPlaceValue {
 public:
  static std::size_t room(std::size_t) { return 0; }

  explicit SysvSem(const Guarded& guarded)
      : InPlaceValue(guarded), holders_(SysvHolders::Kind::semaphores) {
    set_ = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    if (set_ < 0) throw_errno(std::string("semget (limits: ") + kLimits + ")");
    holders_.keep(set_);
    union {  // semctl(2): the caller defines it
      int val;
      void* other;
    } one{1};
    if (semctl(set_, 0, SETVAL, one) != 0) throw_errno("semctl SETVAL");
  }

  Status acquire(Deadline deadline) {
    while (add(-1, deadline) != 0) {
      if (errno == EAGAIN) return Status::timed_out;
      if (errno != EINTR) throw_errno("semop");
    }
#ifdef __SANITIZE_THREAD__  // it does not know these calls, and would miss what they order
    __tsan_acquire(this);
#endif
    return Status::ok;
  }
  void release() {
#ifdef __SANITIZE_THREAD__
    __tsan_release(this);
#endif
    add(1, Deadline::never());
  }

 private:
  int add(short by, Deadline deadline) {
    sembuf operation{0, by, SEM_UNDO};
    if (deadline.is_never()) return semop(set_, &operation, 1);
    const timespec left = deadline.remaining();
    if (left.tv_sec == 0 && left.tv_nsec == 0) operation.sem_flg |= IPC_NOWAIT;
    return semtimedop(set_, &operation, 1, &left);
  }

  SysvHolders holders_;
  int set_ = -1;
};

const RegisterLock<SysvSem> registered(
    "sysv_sem",
    {.summary = "a System V semaphore of 1 with SEM_UNDO",
     .source = "semop(2)",
     .max_message = kAnySize,
     .on_kill = "killed while it holds it: the next one gets it, the value as it was left",
     .leftovers = "the semaphore and a page, if the last process that has it ends without "
                  "destroying it; removed when the same user makes the next one, "
                  "but for one killed while it is being made",
     .needs = "Linux with System V semaphores",
     .available = [] {
       return kernel_limit(kLimits) ? std::nullopt
                                    : std::optional("this kernel has no System V semaphores (no " +
                                                    std::string(kLimits) + ")");
     }});

}  // namespace
}  // namespace ipc
