// SPDX-License-Identifier: MIT
// A pipe made of the sockets of a message library: for each way one that dials, in the process that
// sends, and one that listens, in the process that receives. What the libraries lack is added:
// - the end: a lifetime token (a send asks it first, one short system call a message);
// - the bound: slots in shared memory, one for each message that was sent and not received;
// - what is sent by one who goes before the other has come waits in the sender's process. When that
//   ends normally, it waits for a while until somebody comes, and then until its messages are safe.
//
// The first process that uses a side is the only one that can: what its library has read ahead, no
// other process can get any more.
#pragma once

#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "impl/driver/untimed.h"
#include "impl/os/child.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/mapping.h"
#include "impl/os/message_socket.h"
#include "impl/os/naps.h"
#include "impl/os/per_process.h"
#include "impl/os/unique_fd.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/leavers.h"
#include "impl/sync/semaphore_word.h"

namespace ipc {

struct SocketAddress {
  std::string name;
  UniqueFd reserved = {};  // what keeps it ours, if something must
};

template <MessageSocket Socket>
class LibraryPipe {
  // seq_cst where it is written and read, as came: they are rare, and order nothing else.
  enum class Receiver : std::uint32_t { to_come, listens, gone };

  // What all processes know of one way.
  struct Shown {
    explicit Shown(std::uint32_t slots_at_first) : slots(slots_at_first) {}
    SemaphoreWord slots;
    std::atomic<Receiver> receiver{Receiver::to_come};
    std::atomic<pid_t> listener{0};  // the process; set before `receiver` says that it listens
    // Those who have sent, and those of them who went in an orderly way: all they sent will come.
    std::atomic<std::uint32_t> came{0};
    std::atomic<std::uint32_t> went{0};
  };

  struct Way {
    Way(SocketAddress an_address, std::uint32_t most)
        : address(std::move(an_address)), slots(most), shown(most) {}
    std::uint32_t under_way() const { return slots - shown->slots.value(); }

    const SocketAddress address;
    const std::uint32_t slots;
    Shared<Shown> shown;
  };

  struct Ways {
    Ways(const PipeOptions& options, std::array<SocketAddress, 2> addresses)
        : message_bytes(options.message_bytes == 0 ? kUnsized : options.message_bytes) {
      const auto slots = static_cast<std::uint32_t>(
          std::clamp<std::size_t>(options.capacity_bytes / message_bytes, 1, Socket::kMaxSlots));
      to[0].emplace(std::move(addresses[0]), slots);
      if (options.duplex) to[1].emplace(std::move(addresses[1]), slots);
    }
    const std::size_t message_bytes;
    std::optional<Way> to[2];  // what each side receives from
  };

  // Bytes of a message, where nothing is said: so many fit the capacity, however long they are.
  static constexpr std::size_t kUnsized = 64;
  // How often those look again who wait for what no descriptor announces.
  static constexpr std::chrono::milliseconds kLook{5};
  // How long messages may be on their way in silence: those of one that was killed; of one who is
  // still there, when a call ought to end that will be made again.
  static constexpr std::chrono::milliseconds kSettle{200};
  static constexpr std::chrono::seconds kArrival{5};
  // What is sent in an orderly way comes, however busy the machine is: a limit against hangs.
  static constexpr std::chrono::seconds kHang{60};

  // The dialling socket of one process.
  class Sender final : public Leaver {
   public:
    Sender(std::shared_ptr<Ways> ways, Way& way)
        : ways_(std::move(ways)),
          way_(way),
          socket_(Socket::dial(Pattern::pair, way.address.name)) {
      if (way_.shown->came.fetch_add(1, std::memory_order_relaxed) != 0) {
        throw std::system_error(EBUSY, std::generic_category(),
                                "send over a side of a pipe that another process has used");
      }
    }

    Status send(typename Socket::Message& message) { return socket_->send(message); }

    bool is_useless() const override {
      return way_.under_way() == 0 || way_.shown->receiver == Receiver::gone;
    }
    void leave(Deadline patience) override {
      nap_until(patience, [this] {
        const bool can_leave = is_useless() || way_.shown->receiver == Receiver::listens;
        return can_leave ? Status::ok : Status::timed_out;
      });
      if (is_useless()) {
        announce_leave();
        socket_->finish(Deadline::now());
      } else if (way_.shown->receiver == Receiver::listens && runs(way_.shown->listener)) {
        announce_leave();
        socket_->finish(Deadline::after(kHang));
      } else {  // what was sent is lost, whatever was announced
        if (announced_) way_.shown->went.fetch_sub(1, std::memory_order_relaxed);
        socket_->finish(patience);
      }
    }
    void announce_leave() override {
      if (std::exchange(announced_, true)) return;
      way_.shown->went.fetch_add(1, std::memory_order_release);  // pairs with arrives
    }

   private:
    static bool runs(pid_t pid) try {
      return poll_until(open_pidfd(pid).get(), POLLIN, Deadline::now()) == 0;
    } catch (const std::system_error&) {
      return false;
    }

    const std::shared_ptr<Ways> ways_;
    Way& way_;
    const std::unique_ptr<Socket> socket_;
    bool announced_ = false;
  };

  // The listening socket of one process.
  class Listener {
   public:
    Listener(std::shared_ptr<Ways> ways, Way& way) : ways_(std::move(ways)), way_(way) { listen(); }
    ~Listener() {
      if (socket_) way_.shown->receiver = Receiver::gone;
    }

    // Until `attempt` succeeds with the socket. `hold` tells the end.
    template <class Attempt>
    Status await(const LifetimeToken::Hold& hold, Deadline deadline, const Attempt& attempt) {
      for (;;) {
        if (!socket_ && way_.shown->receiver != Receiver::listens) listen();
        if (socket_ && attempt(*socket_)) {
          silent_since_ = 0;
          return Status::ok;
        }
        const bool patient = !deadline.passed();
        if (!ended_ && !patient && hold.is_alone()) end();
        if (!ended_ && patient) {
          wait(hold.fd(), socket_ ? deadline : deadline.within(kLook));
        } else {
          // Who must not wait waits all the same for what was sent before.
          if (!arrives()) return ended_ ? Status::closed : Status::timed_out;
          wait(-1, Deadline::after(kLook));
        }
      }
    }
    void taken() { way_.shown->slots.release(way_.slots); }

   private:
    void listen() {
      socket_ = Socket::listen(Pattern::pair, way_.address.name);
      if (!socket_) return;
      way_.shown->listener = getpid();
      way_.shown->receiver = Receiver::listens;
    }

    // Whether messages that were sent may still come.
    bool arrives() {
      if (way_.under_way() == 0) {
        silent_since_ = 0;
        return false;
      }
      const std::int64_t now = monotonic_ns();
      if (silent_since_ == 0) silent_since_ = now;
      // acquire: pairs with announce_leave.
      const bool orderly = way_.shown->went.load(std::memory_order_acquire) == way_.shown->came;
      const std::chrono::nanoseconds longest = !ended_ ? kArrival : orderly ? kHang : kSettle;
      return now - silent_since_ < longest.count();
    }

    void wait(int end_fd, Deadline deadline) {
      if (socket_) {
        if (socket_->wait(end_fd, deadline)) end();
      } else {
        if (poll_until(end_fd, POLLIN, deadline) > 0) end();
      }
    }
    void end() {
      ended_ = true;
      silent_since_ = 0;  // from now on it counts differently
    }

    const std::shared_ptr<Ways> ways_;
    Way& way_;
    std::unique_ptr<Socket> socket_;  // none while another process listens
    bool ended_ = false;
    std::int64_t silent_since_ = 0;  // though something is under way; 0: not known to be
  };

 public:
  class End : public Untimed<End> {
   public:
    End(std::shared_ptr<Ways> ways, LifetimeToken::Hold hold, int side)
        : ways_(std::move(ways)),
          in_(ways_->to[side]),
          out_(ways_->to[1 - side]),
          hold_(std::move(hold)) {
      if (in_) listener();
    }
    ~End() {
      // Nobody can come any more: what is under way, also to one that was killed, need not wait.
      if (out_ && hold_.is_alone()) out_->shown->receiver = Receiver::gone;
    }
    End(const End&) = delete;
    End& operator=(const End&) = delete;

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      if (message.size() > Socket::kMaxMessage) return Status::too_big;
      typename Socket::Message copy(message.size());
      if (!message.empty()) std::memcpy(copy.data(), message.data(), message.size());
      Sender& out = sender();  // before the slot: what is under way has a sender that came
      SemaphoreWord& slots = out_->shown->slots;
      for (Deadline wait = Deadline::now();; wait = deadline.within(kLook)) {
        if (hold_.is_alone()) return Status::closed;
        if (slots.acquire(wait)) break;
        if (deadline.passed()) return Status::timed_out;
      }
      const Status status = out.send(copy);
      if (status != Status::ok) slots.release(out_->slots);
      return status;
    }

    Status receive_until(Buffer& message, Deadline deadline) {
      Listener& in = listener();
      typename Socket::Message incoming;
      const Status status =
          in.await(hold_, deadline, [&](Socket& socket) { return socket.take(incoming); });
      if (status != Status::ok) return status;
      message.resize(incoming.size());
      if (incoming.size() != 0) std::memcpy(message.data(), incoming.data(), incoming.size());
      in.taken();
      return Status::ok;
    }

    Status ready(Deadline deadline) {
      const Status status =
          listener().await(hold_, deadline, [](Socket& socket) { return socket.has_message(); });
      return status == Status::closed ? Status::ok : status;
    }

    // Until all was received: what is under way dies with the process that has sent it.
    Status flush(Deadline deadline) {
      if (!out_) return Status::ok;
      return nap_until(deadline, [this] {
        return out_->under_way() == 0 || hold_.is_alone() ? Status::ok : Status::timed_out;
      });
    }

   private:
    struct Local {
      ~Local() {
        listener.reset();
        Leavers::here().retire(sender);
      }
      std::shared_ptr<Sender> sender;
      std::optional<Listener> listener;
    };

    Sender& sender() {
      Local& local = local_.get();
      if (!local.sender) {
        local.sender = std::make_shared<Sender>(ways_, *out_);
        Leavers::here().add(local.sender);
      }
      return *local.sender;
    }
    Listener& listener() {
      Local& local = local_.get();
      if (!local.listener) local.listener.emplace(ways_, *in_);
      return *local.listener;
    }

    const std::shared_ptr<Ways> ways_;
    std::optional<Way>& in_;   // nothing where a one-way pipe
    std::optional<Way>& out_;  // does not lead
    const LifetimeToken::Hold hold_;
    PerProcess<Local> local_;
  };

  LibraryPipe(const PipeOptions& options, std::array<SocketAddress, 2> addresses)
      : ways_(std::make_shared<Ways>(options, std::move(addresses))) {}
  std::unique_ptr<End> open(int side) {
    return std::make_unique<End>(ways_, lifetime_.take(side), side);
  }
  void drop(int side) { lifetime_.drop(side); }
  std::size_t capacity_bytes() const { return ways_->to[0]->slots * ways_->message_bytes; }

 private:
  std::shared_ptr<Ways> ways_;  // shared, as an endpoint may outlive the backend
  LifetimeToken lifetime_;
};

// What the traits of such pipes have in common.
template <MessageSocket Socket>
Traits library_pipe_traits(const std::string& summary, const std::string& source) {
  return {.summary = summary,
          .source = source,
          .wait_class = WaitClass::block,
          .max_message = Socket::kMaxMessage,
          .capacity = CapacityUnit::items,
          .waitable = Waitable::slices,
          .passes_on = false,
          .killed = {AfterKill::end_of_file, AfterKill::end_of_file, AfterKill::end_of_file,
                     AfterKill::loss},
          .on_kill =
              "end of file 0.2 s after the last message that came; what the killed one's "
              "library had not written is lost",
          .needs = Socket::kNeeds};
}

}  // namespace ipc
