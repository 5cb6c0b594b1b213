// SPDX-License-Identifier: MIT
#include "impl/os/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "impl/os/error.h"

namespace ipc {

void allocate_pages(int file, std::size_t bytes) {
  do {
    errno = posix_fallocate(file, 0, static_cast<off_t>(bytes));
  } while (errno == EINTR);
  if (errno != 0) throw_errno(std::to_string(bytes) + " bytes of shared memory");
}

Mapping::Mapping(std::size_t bytes) : address_(nullptr), bytes_(bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (pages == MAP_FAILED) throw_errno("mmap of " + std::to_string(bytes) + " shared bytes");
  address_ = pages;
}

Mapping::Mapping(int file, std::size_t bytes) : address_(nullptr), bytes_(bytes) {
  allocate_pages(file, bytes);
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
  if (pages == MAP_FAILED) throw_errno("mmap of " + std::to_string(bytes) + " bytes of a file");
  address_ = pages;
}

Mapping::~Mapping() {
  if (address_ != nullptr) munmap(address_, bytes_);
}

}  // namespace ipc
