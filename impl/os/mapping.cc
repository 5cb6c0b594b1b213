// SPDX-License-Identifier: MIT
#include "impl/os/mapping.h"

#include <sys/mman.h>

#include "impl/os/error.h"

namespace ipc {

Mapping::Mapping(std::size_t bytes) : address_(nullptr), bytes_(bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (pages == MAP_FAILED) throw_errno("mmap of " + std::to_string(bytes) + " shared bytes");
  address_ = pages;
}

Mapping::~Mapping() {
  if (address_ != nullptr) munmap(address_, bytes_);
}

}  // namespace ipc
