// SPDX-License-Identifier: MIT
// Memory for one message. It belongs to the caller and grows only when a larger message comes, so
// that a loop over messages of one size allocates once. Growing does not keep the content.
//
// From 512 bytes on it begins at the same place of its page, whatever else the heap holds. A copy
// whose target begins 1 to 31 bytes behind its source in their pages takes many times as long on
// AMD's Zen (`rep movsb`, in the C library as in the kernel: glibc bug 30994), and what malloc
// gives one after the other is often 16 bytes apart there. Kernels and rings put a message at a
// power of two and a header; the place here is far from all of these.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace ipc {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) { resize(size); }

  // Sets the size. The content is unspecified afterwards.
  void resize(std::size_t size) {
    if (size > capacity_) {
      const std::size_t before = size < kPlaced ? 0 : kPlace;
      auto* memory = static_cast<std::byte*>(::operator new(before + size, alignment(before)));
      bytes_ = std::unique_ptr<std::byte, Free>(memory + before, Free{before});
      capacity_ = size;
    }
    size_ = size;
  }

  std::byte* data() { return bytes_.get(); }
  const std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::span<std::byte> bytes() { return {bytes_.get(), size_}; }
  std::span<const std::byte> bytes() const { return {bytes_.get(), size_}; }

 private:
  // A batch of smaller ones, all at one place, would fill few sets of the cache.
  static constexpr std::size_t kPlaced = 512;
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kPlace = 832;

  static std::align_val_t alignment(std::size_t before) {
    return std::align_val_t{before == 0 ? alignof(std::max_align_t) : kPage};
  }

  struct Free {
    std::size_t before;  // bytes that belong to it as well
    void operator()(std::byte* begin) const {
      ::operator delete(begin - before, alignment(before));
    }
  };

  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace ipc
