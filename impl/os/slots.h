// SPDX-License-Identifier: MIT
// Queues of other libraries, of elements whose size is fixed when the program is compiled, as
// queues of messages in shared memory: the smallest element that fits is chosen when one is made.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "impl/os/buffer.h"
#include "impl/os/mapping.h"

namespace ipc {

// The sizes of elements, in bytes of message.
inline constexpr std::array<std::size_t, 6> kSlotBytes = {16, 48, 64, 256, 1024, 4096};
inline constexpr std::size_t kLargestSlot = kSlotBytes.back();
inline constexpr std::size_t kSlotQueueBytes = 64 * 1024;  // of messages in a queue

// An element: a message of at most kBytes. Only its own bytes are copied.
template <std::size_t kBytes>
class Slot {
 public:
  Slot() = default;
  // REQUIRES: message.size() <= kBytes.
  explicit Slot(std::span<const std::byte> message) { *this = message; }
  Slot(const Slot& other) : Slot(other.message()) {}
  Slot& operator=(const Slot& other) { return this == &other ? *this : *this = other.message(); }
  Slot& operator=(std::span<const std::byte> message) {
    size_ = message.size();
    if (size_ != 0) std::memcpy(bytes_, message.data(), size_);
    return *this;
  }
  // Whatever another process may have written there, it is in the slot.
  std::span<const std::byte> message() const { return {bytes_, std::min(size_, kBytes)}; }

 private:
  std::size_t size_ = 0;
  std::byte bytes_[kBytes];
};

// What a library must be made to do: `bool push(std::span<const std::byte>)`, false if it is full;
// `bool pop(Buffer&)`, false if it is empty; `bool is_empty()`.
class SlotQueue {
 public:
  virtual ~SlotQueue() = default;
  virtual bool push(std::span<const std::byte> message) = 0;
  virtual bool pop(Buffer& message) = 0;
  virtual bool is_empty() = 0;
};

// `Queue<kBytes, kItems>` in memory of its own that is shared with the processes forked later.
// Never destroyed: other processes may still use it when this one ends.
template <template <std::size_t, std::size_t> class Queue, std::size_t kBytes>
class MappedSlots final : public SlotQueue {
  using Mapped = Queue<kBytes, kSlotQueueBytes / kBytes>;

 public:
  MappedSlots() : mapping_(sizeof(Mapped)), queue_(::new (mapping_.address()) Mapped) {}
  bool push(std::span<const std::byte> message) override { return queue_->push(message); }
  bool pop(Buffer& message) override { return queue_->pop(message); }
  bool is_empty() override { return queue_->is_empty(); }

 private:
  Mapping mapping_;
  Mapped* const queue_;
};

// For messages of at most so many bytes. Throws std::system_error.
// REQUIRES: bytes <= kLargestSlot.
template <template <std::size_t, std::size_t> class Queue, std::size_t kIndex = 0>
std::unique_ptr<SlotQueue> make_slots(std::size_t bytes) {
  constexpr std::size_t kBytes = kSlotBytes[kIndex];
  if constexpr (kBytes < kLargestSlot) {
    if (bytes > kBytes) return make_slots<Queue, kIndex + 1>(bytes);
  }
  return std::make_unique<MappedSlots<Queue, kBytes>>();
}

// The longest message of a queue that is asked for messages of so many bytes; 0: not known.
constexpr std::size_t longest_slot_message(std::size_t asked) {
  return asked == 0 ? kLargestSlot : std::min(asked, kLargestSlot);
}

inline void copy_out(std::span<const std::byte> message, Buffer& to) {
  to.resize(message.size());
  if (!message.empty()) std::memcpy(to.data(), message.data(), message.size());
}

}  // namespace ipc
