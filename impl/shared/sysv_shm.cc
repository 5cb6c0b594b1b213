// SPDX-License-Identifier: MIT
// sysv_shm: a System V segment, marked for removal as soon as it is attached, so that it goes with
// its last user. Kernel objects: the segment. Source: sysvipc(7), shmctl(2) IPC_RMID. Limit: counts
// against /proc/sys/kernel/shmall and shmmni; a process killed between making and marking it leaves
// it.
#include <sys/shm.h>

#include <cstdint>
#include <cstring>

#include "impl/os/error.h"
#include "impl/os/kernel_limit.h"
#include "impl/shared/backend.h"

namespace ipc {
namespace {

constexpr const char* kShmmax = "/proc/sys/kernel/shmmax";

class SysvShm {
 public:
  explicit SysvShm(std::size_t bytes) {
    const int segment = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
    if (segment < 0) throw_errno("shmget of " + std::to_string(bytes) + " bytes");
    address_ = shmat(segment, nullptr, 0);
    const int error = errno;
    shmctl(segment, IPC_RMID, nullptr);
    errno = error;
    if (reinterpret_cast<std::intptr_t>(address_) == -1) throw_errno("shmat");
    std::memset(address_, 0, bytes);  // resident
  }
  SysvShm(const SysvShm&) = delete;
  SysvShm& operator=(const SysvShm&) = delete;
  ~SysvShm() { shmdt(address_); }

  void* address() const { return address_; }

 private:
  void* address_;
};

const RegisterMemory<SysvShm> registered(
    "sysv_shm", {.summary = "a System V segment, removed with its last user",
                 .source = "sysvipc(7); shmctl(2), IPC_RMID",
                 .max_message = kAnySize,
                 .on_kill = "the pages stay as long as somebody has them",
                 .leftovers = "the segment, if it is killed while it is being made",
                 .needs = "Linux with System V shared memory",
                 .available = [] {
                   return kernel_limit(kShmmax) ? std::nullopt
                                                : std::optional(
                                                      "this kernel has no System V "
                                                      "shared memory (no " +
                                                      std::string(kShmmax) + ")");
                 }});

}  // namespace
}  // namespace ipc
