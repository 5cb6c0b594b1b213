// SPDX-License-Identifier: MIT
#include "impl/os/ring_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <string>

#include "impl/os/error.h"
#include "impl/os/mapping.h"
#include "impl/os/unique_fd.h"

namespace ipc {
namespace {

// Pages of their own that cannot change their number any more.
UniqueFd sealed_pages(std::size_t size) {
  UniqueFd memory(memfd_create("ipcbench", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) throw_errno("memfd_create");
  allocate_pages(memory.get(), size);
  if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    throw_errno("F_ADD_SEALS");
  }
  return memory;
}

}  // namespace

RingMemory::RingMemory(std::size_t size)
    : size_(std::bit_ceil(std::max(size, static_cast<std::size_t>(getpagesize())))) {
  const UniqueFd memory = sealed_pages(size_);
  void* const both = mmap(nullptr, 2 * size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (both == MAP_FAILED) throw_errno("mmap of " + std::to_string(2 * size_) + " bytes");
  address_ = static_cast<std::byte*>(both);
  for (std::byte* half : {address_, address_ + size_}) {
    if (mmap(half, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
             memory.get(), 0) == MAP_FAILED) {
      const int error = errno;
      munmap(both, 2 * size_);
      errno = error;
      throw_errno("mmap of a ring of " + std::to_string(size_) + " bytes");
    }
  }
}

RingMemory::~RingMemory() {
  if (address_ != nullptr) munmap(address_, 2 * size_);
}

}  // namespace ipc
