// SPDX-License-Identifier: MIT
// A queue whose put waits for nothing but a slot: a channel that several processes share, a
// semaphore of free slots, and in each producing process a buffer and a thread that writes what is
// there to the channel. The design of CPython's Queue, over any channel.
//
// REQUIRES of Channel: constructed with its capacity in bytes; send, receive and ready with a
// deadline, from any thread of any process; broken(): all is corrupt from now on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "impl/driver/untimed.h"
#include "impl/os/mapping.h"
#include "impl/os/quiet_thread.h"
#include "impl/os/stream.h"
#include "impl/queue/backend.h"
#include "impl/sync/semaphore_word.h"

namespace ipc {

// What all processes share: the channel, and the slots that bound the items put and not yet taken.
template <class Channel>
struct SlottedChannel {
  explicit SlottedChannel(const QueueOptions& options)
      : max_items(options.max_items == 0 ? SemaphoreWord::kMax : options.max_items),
        channel(options.capacity_bytes),
        slots(max_items) {}

  void give_back() { slots->release(max_items); }

  const std::uint32_t max_items;
  Channel channel;
  Shared<SemaphoreWord> slots;
};

// What a producing process has put and not yet written, and the thread that writes it.
template <class Channel>
class Outbox {
 public:
  explicit Outbox(std::shared_ptr<SlottedChannel<Channel>> queue) : queue_(std::move(queue)) {}

  void push(std::span<const std::byte> message) {
    Buffer copy = spare_buffer();
    copy.resize(message.size());
    std::copy(message.begin(), message.end(),
              copy.data());  // not under the lock: the feeder goes on
    std::lock_guard hold(mutex_);
    waiting_.push_back(std::move(copy));
    if (!writing_ && waiting_.size() == 1) changed_.notify_all();
  }

  // Nothing waits: what this thread puts next may overtake nothing of its own.
  bool is_empty() {
    std::lock_guard hold(mutex_);
    return waiting_.empty() && !writing_;
  }

  Status flush(Deadline deadline) {
    std::unique_lock hold(mutex_);
    const auto flushed = [this] { return waiting_.empty() && !writing_; };
    if (deadline.is_never()) {
      changed_.wait(hold, flushed);
      return Status::ok;
    }
    const std::chrono::steady_clock::time_point until(std::chrono::nanoseconds(deadline.ns()));
    return changed_.wait_until(hold, until, flushed) ? Status::ok : Status::timed_out;
  }

  // The thread ends when all is written; `at_once`, before the next message.
  void end(bool at_once) {
    std::lock_guard hold(mutex_);
    ending_ = true;
    at_once_ = at_once;
    changed_.notify_all();
  }

  // The body of the feeder thread.
  void feed() {
    std::unique_lock hold(mutex_);
    for (;;) {
      changed_.wait(hold, [this] { return !waiting_.empty() || ending_; });
      if (waiting_.empty() || at_once_) return;
      Buffer message = std::move(waiting_.front());
      waiting_.pop_front();
      writing_ = true;
      hold.unlock();
      // Nobody waits for the outcome; CPython's feeder, too, can only say what it had to drop.
      if (const Status s = queue_->channel.send(message.bytes(), Deadline::never());
          s != Status::ok) {
        queue_->give_back();
        std::fprintf(stderr, "the feeder of a queue dropped a message: %s\n", to_string(s).data());
      }
      hold.lock();
      writing_ = false;
      if (spare_.size() < kSpare && message.capacity() <= kSpareBytes) {
        spare_.push_back(std::move(message));
      }
      if (waiting_.empty()) changed_.notify_all();
    }
  }

 private:
  // Buffers kept for the next messages, and how large they may be.
  static constexpr std::size_t kSpare = 64;
  static constexpr std::size_t kSpareBytes = 64 * 1024;

  Buffer spare_buffer() {
    std::lock_guard hold(mutex_);
    if (spare_.empty()) return Buffer();
    Buffer buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
  }

  std::shared_ptr<SlottedChannel<Channel>> queue_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Buffer> waiting_;
  std::vector<Buffer> spare_;
  bool writing_ = false;  // the feeder has a message in hand
  bool ending_ = false;
  bool at_once_ = false;
};

// Where the channel tells which messages it takes whole (is_whole), a put that finds nothing
// waiting sends those by itself if there is room; else, as in CPython, all goes through the thread.
template <class Channel>
class Feeder {
 public:
  // One process's side. The feeder thread is started by the first message that needs it, as fork
  // must not meet it.
  class End : public Untimed<End> {
   public:
    explicit End(const std::shared_ptr<SlottedChannel<Channel>>& queue)
        : queue_(*queue), outbox_(std::make_shared<Outbox<Channel>>(queue)) {}

    ~End() {
      outbox_->end(abandoned_);
      if (!feeder_.joinable()) return;
      // An abandoned feeder may be stuck in a full pipe for ever: it keeps what it uses alive
      // itself.
      abandoned_ ? feeder_.detach() : feeder_.join();
    }

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      if (message.size() > kMaxFrame) return Status::too_big;
      if (!queue_.slots->acquire(deadline)) return Status::timed_out;
      if (queue_.channel.broken()) {
        queue_.give_back();
        return Status::corrupt;
      }
      const Status status = send_at_once(message);
      if (status == Status::ok) return status;
      if (status != Status::timed_out) {
        queue_.give_back();
        return status;
      }
      try {
        std::call_once(started_,
                       [this] { feeder_ = quiet_thread([outbox = outbox_] { outbox->feed(); }); });
        outbox_->push(message);
      } catch (...) {  // no memory, or no thread
        queue_.give_back();
        throw;
      }
      return Status::ok;
    }

    Status receive_until(Buffer& message, Deadline deadline) {
      // What is corrupt gives slots back as well, or a sender would wait for one for ever.
      try {
        const Status status = queue_.channel.receive(message, deadline);
        if (status == Status::ok || status == Status::corrupt) queue_.give_back();
        return status;
      } catch (...) {  // no memory for a message
        if (queue_.channel.broken()) queue_.give_back();
        throw;
      }
    }

    Status ready(Deadline deadline) const { return queue_.channel.ready(deadline); }
    int wait_fd() const requires requires(const Channel& channel) { channel.read_fd(); }
    { return queue_.channel.read_fd(); }
    Status flush(Deadline deadline) { return outbox_->flush(deadline); }
    void abandon_unsent() { abandoned_ = true; }

   private:
    // timed_out: it has to wait in the outbox.
    Status send_at_once(std::span<const std::byte> message) {
      if constexpr (requires { queue_.channel.is_whole(message.size()); }) {
        if (queue_.channel.is_whole(message.size()) && outbox_->is_empty()) {
          return queue_.channel.send(message, Deadline::now());
        }
      }
      return Status::timed_out;
    }

    SlottedChannel<Channel>& queue_;
    std::shared_ptr<Outbox<Channel>> outbox_;
    std::once_flag started_;
    std::thread feeder_;
    std::atomic<bool> abandoned_ = false;
  };

  explicit Feeder(const QueueOptions& options)
      : queue_(std::make_shared<SlottedChannel<Channel>>(options)) {}

  std::unique_ptr<End> open() { return std::make_unique<End>(queue_); }
  std::size_t capacity_bytes() const { return queue_->channel.capacity_bytes(); }
  std::uint32_t size() const { return queue_->max_items - queue_->slots->value(); }

 private:
  std::shared_ptr<SlottedChannel<Channel>> queue_;
};

}  // namespace ipc
