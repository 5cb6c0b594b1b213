// SPDX-License-Identifier: MIT
// Memory shared with the processes forked later, gone with its last user: anonymous, or of a file
// that has lost its name.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace ipc {

std::size_t page_size();
std::size_t whole_pages(std::size_t bytes);  // so many bytes, rounded up

// Makes a file at least so long. Throws std::system_error when there is no room for that.
void allocate_pages(int file, std::size_t bytes);

// Addresses between two guard pages that nobody may touch: what goes astray there is seen at once.
// Nothing is there either until something is mapped with MAP_FIXED. Throws std::system_error.
std::byte* reserve_addresses(std::size_t bytes);
// REQUIRES: `bytes` as it was reserved.
void release_addresses(void* address, std::size_t bytes);

// Zeroed, pre-faulted pages. The address stays valid in children forked while it exists.
class Mapping {
 public:
  explicit Mapping(std::size_t bytes);  // throws std::system_error
  // The first bytes of a file, which is extended to them, with zeros, if it is shorter: no access
  // can find the disk full later. The descriptor is not needed afterwards.
  Mapping(int file, std::size_t bytes);
  Mapping(Mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping();

  void* address() const { return address_; }
  std::size_t size() const { return bytes_; }

 private:
  void map(int flags, int file, const char* what);

  void* address_;
  std::size_t bytes_;
};

// One T in a mapping of its own. Never destroyed: other processes may still use it when this one
// ends.
template <class T>
class Shared {
 public:
  template <class... Args>
  explicit Shared(Args&&... args) : mapping_(sizeof(T)) {
    static_assert(std::is_trivially_destructible_v<T>,
                  "nobody knows who is the last to destroy it");
    object_ = ::new (mapping_.address()) T(std::forward<Args>(args)...);
  }

  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }

 private:
  Mapping mapping_;
  T* object_;
};

}  // namespace ipc
