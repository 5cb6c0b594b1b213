// SPDX-License-Identifier: MIT
// posix_shm: a POSIX shared memory object, mapped, and without its name again before anybody uses
// it. Kernel objects: a file in /dev/shm. Source: shm_overview(7). Limit: /dev/shm must have room;
// a process killed between making and mapping it leaves the name.
#include <fcntl.h>
#include <sys/mman.h>

#include "impl/os/error.h"
#include "impl/os/mapping.h"
#include "impl/os/unique_fd.h"
#include "impl/os/unique_name.h"
#include "impl/shared/backend.h"

namespace ipc {
namespace {

UniqueFd make_object() {
  const std::string name = unique_name();
  UniqueFd object(shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!object) throw_errno("shm_open " + name);
  shm_unlink(name.c_str());
  return object;
}

class PosixShm : public Mapping {
 public:
  explicit PosixShm(std::size_t bytes) : Mapping(make_object().get(), bytes) {}
};

const RegisterMemory<PosixShm> registered(
    "posix_shm", {.summary = "a POSIX shared memory object, unlinked and mapped",
                  .source = "shm_overview(7)",
                  .max_message = kAnySize,
                  .on_kill = "the pages stay as long as somebody has them",
                  .leftovers = "its name, if it is killed while it is being made",
                  .needs = "Linux; room in /dev/shm"});

}  // namespace
}  // namespace ipc
