// SPDX-License-Identifier: MIT
// file: an unlinked file in /dev/shm, or in the directory for temporary files if that has no room,
// mapped: CPython's way. Kernel objects: the file, closed once it is mapped. Source: CPython,
// multiprocessing/heap.py, Arena. Limit: on a disk, pages are written back now and then; a process
// killed between making and unlinking it leaves it.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>

#include "impl/os/error.h"
#include "impl/os/mapping.h"
#include "impl/os/unique_fd.h"
#include "impl/os/unique_name.h"
#include "impl/shared/backend.h"

namespace ipc {
namespace {

constexpr const char* kMemoryFolder = "/dev/shm";

std::string folder_for(std::size_t bytes) {
  struct statvfs space {};
  if (statvfs(kMemoryFolder, &space) == 0 && space.f_bavail * space.f_bsize > bytes) {
    return kMemoryFolder;
  }
  const char* const temporary = std::getenv("TMPDIR");
  return temporary != nullptr ? temporary : "/tmp";
}

UniqueFd make_file(std::size_t bytes) {
  const std::string path = folder_for(bytes) + unique_name();
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) throw_errno("open " + path);
  unlink(path.c_str());
  return file;
}

class File : public Mapping {
 public:
  explicit File(std::size_t bytes) : Mapping(make_file(bytes).get(), bytes) {}
};

const RegisterMemory<File> registered(
    "file", {.summary = "an unlinked file, mapped: CPython's way",
             .source = "CPython, multiprocessing/heap.py, Arena",
             .max_message = kAnySize,
             .on_kill = "the pages stay as long as somebody has them",
             .leftovers = "the file, if it is killed while it is being made",
             .needs = "Linux; room in /dev/shm or in the folder for temporary files"});

}  // namespace
}  // namespace ipc
