// SPDX-License-Identifier: MIT
// flock: the lock of an open file: each process opens the same one for itself; the threads of a
// process have a mutex before it. Wait class: block; every acquire and release is a system call.
// Kernel objects: a file in memory without a name. Source: flock(2). Limit: it knows no deadlines,
// with one it looks again after naps; /proc must be there; the lock goes with the last descriptor,
// so a child forked by a holder that has used it keeps what a killed holder had.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <mutex>

#include "impl/os/error.h"
#include "impl/os/naps.h"
#include "impl/os/per_process.h"
#include "impl/os/unique_fd.h"
#include "impl/shared/in_place.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace ipc {
namespace {

class Flock : public InPlaceValue {
 public:
  static std::size_t room(std::size_t) { return 0; }

  explicit Flock(const Guarded& guarded)
      : InPlaceValue(guarded), file_(memfd_create("ipcbench", MFD_CLOEXEC)) {
    if (!file_) throw_errno("memfd_create");
  }

  Status acquire(Deadline deadline) {
    Here& here = here_.get();
    if (deadline.is_never()) {
      here.mutex.lock();
    } else if (nap_until(deadline, [&] {
                 return here.mutex.try_lock() ? Status::ok : Status::timed_out;
               }) != Status::ok) {
      return Status::timed_out;
    }
    std::unique_lock threads(here.mutex, std::adopt_lock);
    const Status status = lock_file(here, deadline);
    if (status == Status::ok) threads.release();
#ifdef __SANITIZE_THREAD__  // what orders two processes that are threads there
    if (status == Status::ok) __tsan_acquire(this);
#endif
    return status;
  }
  void release() {
#ifdef __SANITIZE_THREAD__
    __tsan_release(this);
#endif
    Here& here = here_.get();
    flock(here.file.get(), LOCK_UN);
    here.mutex.unlock();
  }

 private:
  struct Here {
    std::mutex mutex;
    UniqueFd file;  // opened by this process
  };

  Status lock_file(Here& here, Deadline deadline) {
    if (!here.file) {
      const std::string path = "/proc/self/fd/" + std::to_string(file_.get());
      here.file = UniqueFd(open(path.c_str(), O_RDWR | O_CLOEXEC));
      if (!here.file) throw_errno("open " + path);
    }
    const auto look = [&](int flags) {
      while (flock(here.file.get(), LOCK_EX | flags) != 0) {
        if (errno == EWOULDBLOCK) return Status::timed_out;
        if (errno != EINTR) throw_errno("flock");
      }
      return Status::ok;
    };
    if (deadline.is_never()) return look(0);
    return nap_until(deadline, [&] { return look(LOCK_NB); });
  }

  UniqueFd file_;
  PerProcess<Here> here_;
};

const RegisterLock<Flock> registered(
    "flock",
    {.summary = "the lock of an open file",
     .source = "flock(2)",
     .max_message = kAnySize,
     .on_kill = "killed while it holds it: the next one gets it, the value as it was left; not "
                "before its children have ended that were forked after it first used it",
     .needs = "Linux with /proc"});

}  // namespace
}  // namespace ipc
