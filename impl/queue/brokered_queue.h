// SPDX-License-Identifier: MIT
// A queue over the push and pull sockets of a message library, with a broker between producers and
// consumers: a helper process that takes what is put at once and keeps it.
//
// A consumer asks the broker for each message, over a push socket of its own, and is answered over
// a pull socket of its own. (A push socket that is connected to several consumers sends ahead: what
// one of them has read, or was sent, no other can get any more, so that a consumer that takes a
// break or is killed would keep what belongs to all.) It asks only when it has taken one of the
// broker's items from a semaphore in shared memory, so there is an answer, and deadlines are the
// semaphore's. Another counts the slots of those who put.
//
// Neither library tells what has left a process, so the broker does: who wants to know sends it a
// ticket behind all else and waits until shared memory shows it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "impl/driver/untimed.h"
#include "impl/os/mapping.h"
#include "impl/os/message_socket.h"
#include "impl/os/naps.h"
#include "impl/queue/backend.h"
#include "impl/sync/semaphore_word.h"

namespace ipc {

template <MessageSocket Socket>
class BrokeredQueue {
  using Message = typename Socket::Message;

  // What all processes know.
  struct Shown {
    explicit Shown(std::uint32_t most) : slots(most), items(0) {}
    SemaphoreWord slots;                    // free ones
    SemaphoreWord items;                    // that the broker has and nobody has claimed
    std::atomic<std::uint64_t> tickets{0};  // given out so far; 1 is the first
    // By ticket % size: the highest that the broker has seen. So many may be under way at a time.
    std::array<std::atomic<std::uint64_t>, 4096> seen{};
  };

  struct Common {
    explicit Common(std::uint32_t most) : slots(most), shown(most) {}
    std::atomic<std::uint64_t>& place_of(std::uint64_t ticket) {
      return shown->seen[ticket % shown->seen.size()];
    }

    const std::uint32_t slots;
    const std::string broker = Socket::unique_address();
    Shared<Shown> shown;
  };

  // The first byte of what goes to the broker; what it sends is always an item.
  enum class Kind : std::uint8_t {
    item,    // the rest is the message
    get,     // the rest is where to send an item
    bye,     // the rest is where never to send one again
    ticket,  // the rest is its number
  };
  static Message message_of(Kind kind, std::span<const std::byte> rest) {
    Message message(1 + rest.size());
    auto* const bytes = static_cast<std::byte*>(static_cast<void*>(message.data()));
    *bytes = static_cast<std::byte>(kind);
    if (!rest.empty()) std::memcpy(bytes + 1, rest.data(), rest.size());
    return message;
  }
  static Kind kind_of(Message& message) {
    return *static_cast<Kind*>(static_cast<void*>(message.data()));
  }
  static std::span<const std::byte> rest_of(Message& message) {
    return {static_cast<const std::byte*>(static_cast<void*>(message.data())) + 1,
            message.size() - 1};
  }

  // The helper.
  class Broker {
   public:
    explicit Broker(Common& common)
        : common_(common), socket_(Socket::listen(Pattern::push_pull, common.broker)) {}

    [[noreturn]] void run() {
      for (;;) {
        Message message;
        if (!socket_->take(message)) {
          socket_->wait(-1, Deadline::never());
        } else if (kind_of(message) == Kind::item) {
          items_.push_back(std::move(message));
          common_.shown->items.release();
        } else {
          serve(kind_of(message), rest_of(message));
        }
      }
    }

   private:
    void serve(Kind kind, std::span<const std::byte> rest) {
      if (kind == Kind::ticket) {
        std::uint64_t ticket;
        std::memcpy(&ticket, rest.data(), sizeof ticket);
        std::atomic<std::uint64_t>& place = common_.place_of(ticket);
        // release: pairs with settle, what was sent before the ticket has arrived.
        if (place.load(std::memory_order_relaxed) < ticket) {
          place.store(ticket, std::memory_order_release);
        }
        return;
      }
      const std::string address(reinterpret_cast<const char*>(rest.data()), rest.size());
      if (kind == Kind::bye) {
        consumers_.erase(address);
      } else {
        answer(address);
      }
    }

    void answer(const std::string& address) {
      try {
        std::unique_ptr<Socket>& consumer = consumers_[address];
        if (!consumer) consumer = Socket::dial(Pattern::push_pull, address);
        if (consumer->send(items_.front()) == Status::ok) {
          items_.pop_front();
          return;
        }
      } catch (const std::exception&) {  // it is gone, or there is no more memory
        consumers_.erase(address);
      }
      common_.shown->items.release();  // for another
    }

    Common& common_;
    const std::unique_ptr<Socket> socket_;
    std::deque<Message> items_;
    std::map<std::string, std::unique_ptr<Socket>> consumers_;
  };

 public:
  // Its threads take turns, at each end of the queue.
  class End : public Untimed<End> {
   public:
    explicit End(std::shared_ptr<Common> common) : common_(std::move(common)) {}
    ~End() {
      try {
        if (!abandoned_) {
          static_cast<void>(flush(Deadline::after(kPatience)));
          return;
        }
        for (Socket* const dialled : {puts_.get(), asks_.get()}) {
          if (dialled != nullptr) dialled->leave(Deadline::after(kPatience));
        }
      } catch (const std::exception&) {  // no memory for a ticket: what was sent may be lost
      }
    }
    End(const End&) = delete;
    End& operator=(const End&) = delete;

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      if (message.size() > Socket::kMaxMessage) return Status::too_big;
      Message copy = message_of(Kind::item, message);
      if (!common_->shown->slots.acquire(deadline)) return Status::timed_out;
      const Status status = put(copy);
      if (status != Status::ok) common_->shown->slots.release(common_->slots);
      return status;
    }

    Status receive_until(Buffer& message, Deadline deadline) {
      if (!common_->shown->items.acquire(deadline)) return Status::timed_out;
      Message item;
      if (const Status status = get(item); status != Status::ok) {
        common_->shown->items.release();
        return status;
      }
      common_->shown->slots.release(common_->slots);
      const std::span<const std::byte> bytes = rest_of(item);
      message.resize(bytes.size());
      if (!bytes.empty()) std::memcpy(message.data(), bytes.data(), bytes.size());
      return Status::ok;
    }

    // Takes nothing meanwhile, not even for a moment: another would find nothing.
    Status ready(Deadline deadline) {
      return nap_until(deadline, [this] {
        return common_->shown->items.value() != 0 ? Status::ok : Status::timed_out;
      });
    }

    // The broker has all that was put here, and forgets where to send items to.
    Status flush(Deadline deadline) {
      {
        std::lock_guard turn(putting_);
        if (puts_) {
          if (const Status status = settle(*puts_, deadline); status != Status::ok) return status;
        }
      }
      std::lock_guard turn(getting_);
      if (!answers_) return Status::ok;
      if (const Status status = ask(Kind::bye); status != Status::ok) return status;
      if (const Status status = settle(*asks_, deadline); status != Status::ok) return status;
      answers_.reset();
      asks_.reset();
      return Status::ok;
    }
    void abandon_unsent() { abandoned_ = true; }

   private:
    static constexpr std::chrono::seconds kPatience{5};

    Status put(Message& message) try {
      std::lock_guard turn(putting_);
      if (!puts_) puts_ = Socket::dial(Pattern::push_pull, common_->broker);
      return puts_->send(message);
    } catch (const std::system_error&) {
      return Status::system_error;
    }

    Status get(Message& item) try {
      std::lock_guard turn(getting_);
      if (!answers_) {
        my_address_ = Socket::unique_address();
        asks_ = Socket::dial(Pattern::push_pull, common_->broker);
        answers_ = Socket::listen(Pattern::push_pull, my_address_);
      }
      if (const Status status = ask(Kind::get); status != Status::ok) return status;
      // It is claimed, so it comes; from a broker that was killed, never.
      while (!answers_->take(item)) answers_->wait(-1, Deadline::never());
      return Status::ok;
    } catch (const std::system_error&) {
      return Status::system_error;
    }

    Status ask(Kind kind) {
      Message message = message_of(kind, std::as_bytes(std::span(my_address_)));
      return asks_->send(message);
    }

    // Until the broker has all that was sent over the socket.
    Status settle(Socket& socket, Deadline deadline) {
      const std::uint64_t ticket =
          1 + common_->shown->tickets.fetch_add(1, std::memory_order_relaxed);
      Message message = message_of(Kind::ticket, std::as_bytes(std::span(&ticket, 1)));
      if (const Status status = socket.send(message); status != Status::ok) return status;
      return nap_until(deadline, [&] {
        // acquire: pairs with the broker's store.
        const bool seen = common_->place_of(ticket).load(std::memory_order_acquire) >= ticket;
        return seen ? Status::ok : Status::timed_out;
      });
    }

    const std::shared_ptr<Common> common_;
    std::atomic<bool> abandoned_{false};  // alone: it says nothing of other memory
    std::mutex putting_;
    std::unique_ptr<Socket> puts_;
    std::mutex getting_;
    std::string my_address_;
    std::unique_ptr<Socket> answers_;
    std::unique_ptr<Socket> asks_;
  };

  explicit BrokeredQueue(const QueueOptions& options)
      : common_(std::make_shared<Common>(options.max_items == 0 ? Socket::kMaxSlots
                                                                : options.max_items)) {}
  std::unique_ptr<End> open() { return std::make_unique<End>(common_); }
  std::size_t capacity_bytes() const { return 0; }
  std::uint32_t size() const { return common_->slots - common_->shown->slots.value(); }
  void serve() { Broker(*common_).run(); }

 private:
  std::shared_ptr<Common> common_;
};

// What the traits of such queues have in common.
template <MessageSocket Socket>
Traits brokered_queue_traits(const std::string& summary, const std::string& source) {
  return {.summary = summary,
          .source = source,
          .wait_class = WaitClass::block,
          .max_message = Socket::kMaxMessage,
          .capacity = CapacityUnit::items,
          .producers = kMany,
          .consumers = kMany,
          .order = "first in, first out of each producer",
          .waitable = Waitable::slices,
          .survives_kill = false,
          .killed = {.inside = AfterKill::loss},
          .on_kill =
              "nothing while it waits or between calls; inside a call what the killed one's "
              "library had not written is lost, a message on its way to it is lost or held back "
              "until another comes, and their slots stay taken; a killed broker: its items are "
              "lost, sends say ok until all slots are taken, then time out or wait for ever, as "
              "receives do, which wait for ever in spite of a deadline while items are counted",
          .needs = Socket::kNeeds};
}

}  // namespace ipc
