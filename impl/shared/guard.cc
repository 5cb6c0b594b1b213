// SPDX-License-Identifier: MIT
#include "impl/shared/guard.h"

#include <atomic>

#include "impl/os/error.h"
#include "impl/shared/cell.h"
#include "impl/sync/owner.h"

namespace ipc {
namespace {

const LockEntry& lock_called(const std::string& name) {
  const LockEntry& entry = LockRegistry::get(name);
  if (const auto reason = entry.traits.available()) throw ValueError(name + ": " + *reason);
  return entry;
}

std::unique_ptr<AnyMemory> memory_called(const std::string& name, std::size_t bytes) {
  const MemoryEntry& entry = MemoryRegistry::get(name);
  if (const auto reason = entry.traits.available()) throw ValueError(name + ": " + *reason);
  return entry.make(bytes);
}

}  // namespace

// An exclusive lock and who holds it how often, in shared memory. The holder is a process (Owner)
// and a thread: both together are nobody else's, also after it has died with the lock.
class SharedLock::Recursive final : public SharedLock::Any {
 public:
  struct State {
    std::atomic<std::uint64_t> holder{0};  // written by the one who has the lock
    std::uint32_t depth = 0;               // the holder's
  };

  // Keeps the lock and the memory that both are in: a copy may outlive the value.
  Recursive(std::shared_ptr<AnyLock> lock, std::shared_ptr<AnyMemory> memory, void* room)
      : lock_(std::move(lock)), memory_(std::move(memory)), state_(*::new (room) State) {
    Owner::prepare();
  }

  bool acquire(bool block, Timeout timeout) override {
    const std::uint64_t me = self();
    // Equal only if this thread wrote it.
    if (state_.holder.load(std::memory_order_relaxed) == me) {
      ++state_.depth;
      return true;
    }
    if (lock_->acquire(deadline_of(block, timeout)) != Status::ok) return false;
    state_.holder.store(me, std::memory_order_relaxed);
    state_.depth = 1;
    return true;
  }

  const void* identity() const override { return &state_; }

  void release() override {
    if (state_.holder.load(std::memory_order_relaxed) != self()) {
      throw StateError("release of a shared value's lock by a thread that does not hold it");
    }
    if (--state_.depth != 0) return;
    state_.holder.store(0, std::memory_order_relaxed);
    lock_->release();
  }

 private:
  static std::uint64_t self() {
    return std::uint64_t{Owner::here()} << 32 | static_cast<std::uint32_t>(Owner::thread());
  }

  std::shared_ptr<AnyLock> lock_;
  std::shared_ptr<AnyMemory> memory_;
  State& state_;
};

// The value, what the lock shares, and who holds it: one after the other, each from a cache line
// on.
void Guard::guard(std::byte* value, const SharedOptions& options, std::size_t value_room) {
  lock_name_ = &lock_called(options.own ? "none" : options.lock);
  const std::size_t room = whole_lines(lock_name_->room(bytes_));
  const bool recursive = lock_name_->traits.exclusive;
  const std::size_t all = value_room + room + (recursive ? kCacheLine : 0);
  if (all != 0) memory_ = memory_called(options.memory, all);
  std::byte* const beside = memory_ ? memory_->address() + value_room : nullptr;
  value_ = value != nullptr ? value : memory_->address();
  access_ = lock_name_->make({value_, bytes_, beside});
  lock_ = options.own;
  if (recursive) {
    lock_.any_ = std::make_shared<SharedLock::Recursive>(access_, memory_, beside + room);
  }
}

Guard::Guard(std::size_t bytes, const SharedOptions& options) : bytes_(bytes) {
  guard(nullptr, options, std::max(kCacheLine, whole_lines(bytes)));
}

Guard::Guard(std::shared_ptr<Guard> raw, const SharedOptions& options)
    : bytes_(raw->bytes()), raw_(std::move(raw)) {
  guard(raw_->in_place(), options, 0);
  in_place();  // or two copies of the bytes would be made of one
}

SharedLock& Guard::lock() {
  if (!lock_) throw ValueError("a value under the lock " + lock_name_->name + " has none to hold");
  return lock_;
}

std::byte* Guard::in_place() const {
  if (lock_name_->traits.exclusive && lock_name_->traits.reads_alone) {
    throw ValueError("a value under the lock " + lock_name_->name + " stands in two places");
  }
  return value_;
}

void Guard::read(std::size_t offset, std::span<std::byte> to) {
  if (lock_name_->traits.reads_alone) return access_->read(offset, to);
  const auto hold = held();
  access_->read(offset, to);
}

void Guard::write(std::size_t offset, std::span<const std::byte> from) {
  const auto hold = held();
  access_->write(offset, from);
}

}  // namespace ipc
