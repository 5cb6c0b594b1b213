// SPDX-License-Identifier: MIT
// memfd: a file in memory that never had a name, mapped. Kernel objects: the file, closed once it
// is mapped. Source: memfd_create(2). Limit: counts as shared memory of the machine, as /dev/shm
// does.
#include <sys/mman.h>

#include "impl/os/error.h"
#include "impl/os/mapping.h"
#include "impl/os/unique_fd.h"
#include "impl/shared/backend.h"

namespace ipc {
namespace {

UniqueFd make_file() {
  UniqueFd file(memfd_create("ipcbench", MFD_CLOEXEC));
  if (!file) throw_errno("memfd_create");
  return file;
}

class Memfd : public Mapping {
 public:
  explicit Memfd(std::size_t bytes) : Mapping(make_file().get(), bytes) {}
};

const RegisterMemory<Memfd> registered("memfd",
                                       {.summary = "a file in memory without a name, mapped",
                                        .source = "memfd_create(2)",
                                        .max_message = kAnySize,
                                        .on_kill = "the pages stay as long as somebody has them"});

}  // namespace
}  // namespace ipc
