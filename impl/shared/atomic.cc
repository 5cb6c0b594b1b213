// SPDX-License-Identifier: MIT
// atomic: no lock, the CPU's own atomic operations on one scalar. Wait class: spin, for it never
// sleeps: an update that meets another one is tried again, an addition is one operation. Source:
// std::atomic_ref. Limit: values of 1, 2, 4 or 8 bytes.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "impl/os/error.h"
#include "impl/shared/backend.h"

namespace ipc {
namespace {

class Atomic {
 public:
  static constexpr bool kReadsAlone = true;
  static std::size_t room(std::size_t) { return 0; }

  explicit Atomic(const Guarded& guarded) : value_(guarded.value), bytes_(guarded.bytes) {
    if (bytes_ != 1 && bytes_ != 2 && bytes_ != 4 && bytes_ != 8) {
      throw ValueError("the lock atomic guards values of 1, 2, 4 or 8 bytes, not of " +
                       std::to_string(bytes_));
    }
  }

  void read(std::size_t offset, std::span<std::byte> to) const {
    as_integer([&](auto ref) {
      const auto whole = ref.load();
      std::memcpy(to.data(), part_of(whole, offset), to.size());
    });
  }
  void write(std::size_t offset, std::span<const std::byte> from) {
    as_integer([&](auto ref) {
      auto found = ref.load();
      auto wanted = found;
      do {
        wanted = found;
        std::memcpy(part_of(wanted, offset), from.data(), from.size());
      } while (!ref.compare_exchange_weak(found, wanted));
    });
  }
  bool exchange(std::size_t offset, std::span<const std::byte> found,
                std::span<const std::byte> wanted) {
    bool done = false;
    as_integer([&](auto ref) {
      auto whole = ref.load();
      auto changed = whole;
      do {
        if (std::memcmp(part_of(whole, offset), found.data(), found.size()) != 0) return;
        changed = whole;
        std::memcpy(part_of(changed, offset), wanted.data(), wanted.size());
      } while (!ref.compare_exchange_weak(whole, changed));
      done = true;
    });
    return done;
  }
  // REQUIRES: a value of 8 bytes.
  void add(std::size_t, std::int64_t by) {
    std::atomic_ref(*reinterpret_cast<std::int64_t*>(value_)).fetch_add(by);
  }

 private:
  template <class Integer>
  static auto part_of(Integer& whole, std::size_t offset) {
    return reinterpret_cast<
               std::conditional_t<std::is_const_v<Integer>, const std::byte, std::byte>*>(&whole) +
           offset;
  }

  template <class Operation>
  void as_integer(const Operation& operation) const {
    switch (bytes_) {
      case 1:
        return operation(std::atomic_ref(*reinterpret_cast<std::uint8_t*>(value_)));
      case 2:
        return operation(std::atomic_ref(*reinterpret_cast<std::uint16_t*>(value_)));
      case 4:
        return operation(std::atomic_ref(*reinterpret_cast<std::uint32_t*>(value_)));
      default:
        return operation(std::atomic_ref(*reinterpret_cast<std::uint64_t*>(value_)));
    }
  }

  std::byte* value_;
  const std::size_t bytes_;
};

const RegisterLock<Atomic> registered("atomic", {.summary = "no lock: atomic operations",
                                                 .source = "std::atomic_ref",
                                                 .wait_class = WaitClass::spin,
                                                 .max_message = 8,
                                                 .on_kill = "nothing: there is nothing to hold"});

}  // namespace
}  // namespace ipc
