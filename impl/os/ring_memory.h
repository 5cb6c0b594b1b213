// SPDX-License-Identifier: MIT
// Shared memory for a ring: the same pages twice in a row, so that what begins near the end goes on
// at the beginning without a seam. Sealed: nobody can shrink it under those who use it. All of it
// is there from the start: no page fault finds the memory full. Gone with its last user.
#pragma once

#include <cstddef>
#include <utility>

namespace ipc {

// Zeroed. The address stays valid in children forked while it exists.
class RingMemory {
 public:
  // `size` of the ring in bytes, rounded up to a power of two of at least a page. Throws
  // std::system_error.
  explicit RingMemory(std::size_t size);
  RingMemory(RingMemory&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(other.size_) {}
  RingMemory& operator=(RingMemory&&) = delete;
  ~RingMemory();

  // Of 2 * size() bytes, each half the same.
  std::byte* address() const { return address_; }
  std::size_t size() const { return size_; }

 private:
  std::byte* address_;
  std::size_t size_;
};

}  // namespace ipc
