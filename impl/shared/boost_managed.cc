// SPDX-License-Identifier: MIT
// boost_managed: allocated in a boost::interprocess::managed_shared_memory, which loses its name at
// once. Kernel objects: a file in /dev/shm. Source: Boost.Interprocess, "Managed Memory Segments".
// Limit: the segment's own books take room and are walked at each allocation; a process killed
// between making and removing it leaves the name.
#include <sys/statvfs.h>

#include <boost/interprocess/managed_shared_memory.hpp>
#include <cstring>

#include "impl/os/error.h"
#include "impl/os/unique_name.h"
#include "impl/shared/backend.h"

namespace ipc {
namespace {

namespace bi = boost::interprocess;

class BoostManaged {
 public:
  explicit BoostManaged(std::size_t bytes) {
    const std::string name = unique_name().substr(1);  // without the slash
    struct statvfs space {};  // Boost only names a size: pages that are not there are a SIGBUS
    if (statvfs("/dev/shm", &space) == 0 && space.f_bavail * space.f_bsize < bytes + kBooks) {
      errno = ENOSPC;
      throw_errno("managed_shared_memory of " + std::to_string(bytes) + " bytes");
    }
    try {
      segment_ = bi::managed_shared_memory(bi::create_only, name.c_str(), bytes + kBooks, nullptr,
                                           bi::permissions(0600));
      address_ = segment_.allocate_aligned(bytes, kCacheLine);
    } catch (const bi::interprocess_exception& error) {
      bi::shared_memory_object::remove(name.c_str());
      errno = error.get_native_error() != 0 ? error.get_native_error() : ENOMEM;
      throw_errno("managed_shared_memory of " + std::to_string(bytes) + " bytes");
    }
    bi::shared_memory_object::remove(name.c_str());
    std::memset(address_, 0, bytes);
  }

  void* address() const { return address_; }

 private:
  static constexpr std::size_t kBooks = 4096;

  bi::managed_shared_memory segment_;
  void* address_ = nullptr;
};

const RegisterMemory<BoostManaged> registered(
    "boost_managed", {.summary = "a block of a managed_shared_memory, unlinked",
                      .source = "Boost.Interprocess, Managed Memory Segments",
                      .max_message = kAnySize,
                      .on_kill = "the pages stay as long as somebody has them",
                      .leftovers = "its name, if it is killed while it is being made",
                      .needs = "Boost.Interprocess; room in /dev/shm"});

}  // namespace
}  // namespace ipc
