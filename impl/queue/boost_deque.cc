// SPDX-License-Identifier: MIT
// boost_deque: a boost::interprocess::deque of byte vectors under an interprocess_mutex and two
// interprocess_conditions: the textbook's monitor, all objects in one managed segment, a message
// allocated there for as long as it is in the queue. Kernel objects: an anonymous shared mapping.
// Wait class: block. Source: Boost.Interprocess, "Allocators, containers". Limit: the segment is
// sized when the queue is made; deadlines are kept on the wall clock; whoever is killed inside a
// call may leave the lock taken or the condition variable unusable.
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/deque.hpp>
#include <boost/interprocess/containers/vector.hpp>
#include <boost/interprocess/indexes/iset_index.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/interprocess/sync/interprocess_condition.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <cstring>

#include "impl/driver/untimed.h"
#include "impl/os/boost_time.h"
#include "impl/os/mapping.h"
#include "impl/os/naps.h"
#include "impl/queue/backend.h"
#include "impl/queue/item_bounds.h"

namespace ipc {
namespace {

namespace bi = boost::interprocess;

class BoostDeque {
  // Its allocator needs no lock, as it is used under ours.
  using Segment =
      bi::basic_managed_external_buffer<char, bi::rbtree_best_fit<bi::null_mutex_family>,
                                        bi::iset_index>;
  template <class T>
  using Allocator = bi::allocator<T, Segment::segment_manager>;
  using Message = bi::vector<std::byte, Allocator<std::byte>>;
  using Lock = bi::scoped_lock<bi::interprocess_mutex>;

  struct Monitor {
    explicit Monitor(Segment& segment) : items(segment.get_segment_manager()) {}
    bi::interprocess_mutex mutex;
    bi::interprocess_condition not_empty;
    bi::interprocess_condition not_full;
    bi::deque<Message, Allocator<Message>> items;  // guarded by mutex
  };

 public:
  class End : public Untimed<End> {
   public:
    explicit End(BoostDeque& queue) : queue_(queue) {}
    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      return queue_.send(message, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      return queue_.receive(message, deadline);
    }
    // Looks again after naps: who waited for a message without taking it would keep the wake-up
    // from somebody else.
    Status ready(Deadline deadline) {
      return nap_until(deadline,
                       [this] { return queue_.size() != 0 ? Status::ok : Status::timed_out; });
    }

   private:
    BoostDeque& queue_;
  };

  explicit BoostDeque(const QueueOptions& options)
      : bounds_(item_bounds(options)),
        memory_(bounds_.items * (bounds_.message_bytes + kOverhead) + kSlack),
        segment_(bi::create_only, memory_.address(), memory_.size()),
        monitor_(*segment_.construct<Monitor>(bi::anonymous_instance)(segment_)) {}

  std::unique_ptr<End> open() { return std::make_unique<End>(*this); }
  std::size_t capacity_bytes() const { return bounds_.items * bounds_.message_bytes; }
  std::uint32_t size() const {
    const Lock hold(monitor_.mutex);
    return static_cast<std::uint32_t>(monitor_.items.size());
  }

 private:
  static constexpr std::size_t kOverhead = 128;  // an item's place in the deque, its block's header
  static constexpr std::size_t kSlack = 16 * 1024;

  // False when the deadline had passed.
  static bool wait(bi::interprocess_condition& condition, Lock& lock, Deadline deadline) {
    if (deadline.is_never()) {
      condition.wait(lock);
      return true;
    }
    if (deadline.passed()) return false;
    condition.timed_wait(lock, wall_clock(deadline));
    return true;
  }

  // False when there is no room.
  bool push(std::span<const std::byte> message) {
    if (monitor_.items.size() == bounds_.items) return false;
    try {
      monitor_.items.emplace_back(message.data(), message.data() + message.size(),
                                  segment_.get_segment_manager());
      return true;
    } catch (const bi::bad_alloc&) {  // for all the room that is left, in pieces
      return false;
    }
  }

  Status send(std::span<const std::byte> message, Deadline deadline) {
    if (message.size() > bounds_.message_bytes) return Status::too_big;
    {
      Lock lock(monitor_.mutex);
      while (!push(message)) {
        if (!wait(monitor_.not_full, lock, deadline)) return Status::timed_out;
      }
    }
    monitor_.not_empty.notify_one();
    return Status::ok;
  }

  Status receive(Buffer& message, Deadline deadline) {
    {
      Lock lock(monitor_.mutex);
      while (monitor_.items.empty()) {
        if (!wait(monitor_.not_empty, lock, deadline)) return Status::timed_out;
      }
      const Message& first = monitor_.items.front();
      message.resize(first.size());
      if (!first.empty()) std::memcpy(message.data(), first.data(), first.size());
      monitor_.items.pop_front();
    }
    monitor_.not_full.notify_one();
    return Status::ok;
  }

  ItemBounds bounds_;
  Mapping memory_;
  Segment segment_;
  Monitor& monitor_;
};

const RegisterQueue<BoostDeque> registered(
    "boost_deque",
    {.summary = "boost::interprocess::deque in a managed segment, mutex and conditions",
     .source = "Boost.Interprocess, Allocators, containers",
     .wait_class = WaitClass::block,
     .max_message = 0x7fffffff,
     .unsized_message = kUnknownMessage,
     .capacity = CapacityUnit::items,
     .producers = kMany,
     .consumers = kMany,
     .order = "first in, first out over all producers",
     .waitable = Waitable::slices,
     .survives_kill = false,
     .killed = {.sending = AfterKill::hang,
                .receiving = AfterKill::hang,
                .inside = AfterKill::hang},
     .on_kill = "nothing between calls; killed while it waits: others hang once more of them "
                "wait; killed while it holds the lock: all hang",
     .needs = "Boost.Interprocess"});

}  // namespace
}  // namespace ipc
