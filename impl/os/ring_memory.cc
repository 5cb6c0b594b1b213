// SPDX-License-Identifier: MIT
#include "impl/os/ring_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <string>

#include "impl/os/error.h"
#include "impl/os/mapping.h"
#include "impl/os/unique_fd.h"

namespace ipc {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// Pages of their own that cannot change their number any more.
UniqueFd sealed_pages(std::size_t size) {
  UniqueFd memory(memfd_create("ipcbench", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) throw_errno("memfd_create");
  allocate_pages(memory.get(), size);
  if (fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) throw_errno("F_ADD_SEALS");
  return memory;
}

// Of pages that others have made. The seals, which come first, say that their number will not
// change; and all are there, or this process would pay for them.
std::size_t size_of_sealed(const UniqueFd& memory) {
  constexpr blkcnt_t kBlock = 512;  // in which st_blocks counts
  const int seals = fcntl(memory.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) throw Error("this is no memory for a ring");
  struct stat about {};
  if (fstat(memory.get(), &about) != 0) throw_errno("fstat");
  if (about.st_blocks < about.st_size / kBlock) throw Error("this memory for a ring has holes");
  return static_cast<std::size_t>(about.st_size);
}

}  // namespace

RingMemory::RingMemory(std::size_t size, std::size_t beside)
    : size_(std::bit_ceil(std::max(size, page_size()))), beside_(whole_pages(beside)) {
  memory_ = sealed_pages(size_ + beside_);
  map();
}

RingMemory::RingMemory(UniqueFd memory, std::size_t beside)
    : memory_(std::move(memory)), beside_(whole_pages(beside)) {
  const std::size_t all = size_of_sealed(memory_);
  size_ = all - beside_;
  if (all <= beside_ || size_ < page_size() || !std::has_single_bit(size_)) {
    throw Error("this memory is not as large as one for a ring");
  }
  map();
}

void RingMemory::map() {
  const std::size_t all = 2 * size_ + beside_;
  std::byte* const first = reserve_addresses(all);
  const auto put = [&](std::byte* at, std::size_t bytes, std::size_t offset) {
    if (bytes == 0 || mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
                           memory_.get(), static_cast<off_t>(offset)) != MAP_FAILED) {
      return;
    }
    const int error = errno;
    release_addresses(first, all);
    errno = error;
    throw_errno("mmap of a ring of " + std::to_string(size_) + " bytes");
  };
  put(first, beside_, size_);
  put(first + beside_, size_, 0);
  put(first + beside_ + size_, size_, 0);
  address_ = first + beside_;
}

RingMemory::~RingMemory() {
  if (address_ != nullptr) release_addresses(beside(), 2 * size_ + beside_);
}

}  // namespace ipc
