// SPDX-License-Identifier: MIT
// Shared memory for a ring: the same pages twice in a row, so that what begins near the end goes on
// at the beginning without a seam; before both, if wanted, pages of their own for what goes with
// the ring. Sealed: nobody can shrink it under those who use it. All of it is there from the start:
// no page fault finds the memory full. Gone with its last user.
#pragma once

#include <cstddef>
#include <utility>

#include "impl/os/unique_fd.h"

namespace ipc {

// Zeroed. The address stays valid in children forked while it exists; by its descriptor a process
// that was not has the same memory, at another address.
class RingMemory {
 public:
  // `size` of the ring in bytes, rounded up to a power of two of at least a page; `beside`, how
  // many bytes go with it. Throws std::system_error.
  explicit RingMemory(std::size_t size, std::size_t beside = 0);
  // The memory of another process's, made with the same `beside`. Throws Error when it is not one.
  RingMemory(UniqueFd memory, std::size_t beside);
  RingMemory(RingMemory&& other) noexcept
      : memory_(std::move(other.memory_)),
        address_(std::exchange(other.address_, nullptr)),
        size_(other.size_),
        beside_(other.beside_) {}
  RingMemory& operator=(RingMemory&&) = delete;
  ~RingMemory();

  // Of 2 * size() bytes, each half the same.
  std::byte* address() const { return address_; }
  std::size_t size() const { return size_; }
  std::byte* beside() const { return address_ - beside_; }  // begins a page
  const UniqueFd& descriptor() const { return memory_; }    // none after close_descriptor
  void close_descriptor() { memory_.reset(); }              // nobody else will want it

 private:
  void map();

  UniqueFd memory_;
  std::byte* address_ = nullptr;
  std::size_t size_;
  std::size_t beside_;  // whole pages
};

}  // namespace ipc
