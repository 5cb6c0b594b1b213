// SPDX-License-Identifier: MIT
#include "impl/os/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "impl/os/error.h"

namespace ipc {

std::size_t page_size() { return static_cast<std::size_t>(getpagesize()); }
std::size_t whole_pages(std::size_t bytes) {
  return (bytes + page_size() - 1) / page_size() * page_size();
}

void allocate_pages(int file, std::size_t bytes) {
  do {
    errno = posix_fallocate(file, 0, static_cast<off_t>(bytes));
  } while (errno == EINTR);
  if (errno != 0) throw_errno(std::to_string(bytes) + " bytes of shared memory");
}

std::byte* reserve_addresses(std::size_t bytes) {
  const std::size_t all = whole_pages(bytes) + 2 * page_size();
  void* const begin = mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw_errno("mmap of " + std::to_string(all) + " bytes");
  return static_cast<std::byte*>(begin) + page_size();
}

void release_addresses(void* address, std::size_t bytes) {
  munmap(static_cast<std::byte*>(address) - page_size(), whole_pages(bytes) + 2 * page_size());
}

Mapping::Mapping(std::size_t bytes) : address_(nullptr), bytes_(bytes) {
  map(MAP_ANONYMOUS, -1, " shared bytes");
}

Mapping::Mapping(int file, std::size_t bytes) : address_(nullptr), bytes_(bytes) {
  allocate_pages(file, bytes);
  map(0, file, " bytes of a file");
}

void Mapping::map(int flags, int file, const char* what) {
  std::byte* const address = reserve_addresses(bytes_);
  if (mmap(address, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE | flags,
           file, 0) == MAP_FAILED) {
    const int error = errno;
    release_addresses(address, bytes_);
    errno = error;
    throw_errno("mmap of " + std::to_string(bytes_) + what);
  }
  address_ = address;
}

Mapping::~Mapping() {
  if (address_ != nullptr) release_addresses(address_, bytes_);
}

}  // namespace ipc
