// SPDX-License-Identifier: MIT
#include "impl/os/resharer.h"

#include <poll.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "impl/os/deadline.h"
#include "impl/os/descriptors.h"
#include "impl/os/error.h"
#include "impl/os/quiet_thread.h"
#include "impl/os/socket.h"

namespace ipc {
namespace {

// A ticket: the abstract name that the kernel chose for the socket, a zero and five digits, and the
// key of the descriptors.
constexpr std::size_t kName = 6;
using Key = std::array<std::byte, kTicketBytes - kName>;

constexpr std::chrono::seconds kPatience{10};       // of who fetches
constexpr std::chrono::seconds kQuestionLimit{5};   // for who has connected to say what it wants
constexpr std::chrono::milliseconds kScarcity{10};  // until there may be a descriptor again

constexpr const char* kEnded = "the process that shares the descriptors has ended";

constexpr socklen_t kNameSize = offsetof(sockaddr_un, sun_path) + kName;

std::span<std::byte> bytes_of(UnixName& name) {
  return std::as_writable_bytes(std::span(name.address.sun_path, kName));
}

// Others have no business with us, nor we with files of that name.
bool is_name(std::span<const std::byte> bytes) {
  return bytes[0] == std::byte{0} && std::ranges::all_of(bytes.subspan(1), [](std::byte byte) {
           const char digit = static_cast<char>(byte);
           return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
         });
}

bool is_of_this_user(const UniqueFd& socket) {
  const std::optional<ucred> peer = peer_of(socket);
  return peer && peer->uid == geteuid();
}

// The byte says whether there are any.
bool send_shared(const UniqueFd& socket, const std::vector<UniqueFd>* descriptors) {
  std::vector<int> numbers;
  if (descriptors != nullptr) {
    for (const UniqueFd& each : *descriptors) numbers.push_back(each.get());
  }
  return send_descriptors(socket, descriptors != nullptr ? 1 : 0, numbers);
}

// REQUIRES: there is something to receive.
std::vector<UniqueFd> receive_shared(const UniqueFd& socket) {
  ReceivedDescriptors received = receive_descriptors(socket, kMostDescriptors);
  if (received.got < 0 && errno == ECONNRESET) throw Error(kEnded);
  if (received.got < 0) throw_errno("recvmsg of descriptors");
  if (received.got == 0) throw Error(kEnded);
  if (received.byte == 0) throw Error("the descriptors were fetched before");
  if (received.is_cut) throw Error("this process cannot have so many descriptors");
  return std::move(received.descriptors);
}

class Resharer {
 public:
  // What is shared belongs to this process: a child would keep it open for ever.
  Resharer();

  std::vector<std::byte> share(std::vector<UniqueFd> descriptors) {
    if (descriptors.size() > kMostDescriptors) {
      throw ValueError(std::to_string(descriptors.size()) + " descriptors are more than the " +
                       std::to_string(kMostDescriptors) + " that can be passed at once");
    }
    Key key;
    if (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
      throw_errno("getrandom");
    }
    const std::lock_guard hold(mutex_);
    if (!listener_) start();
    shared_.emplace(key, std::move(descriptors));
    std::vector<std::byte> ticket(name_.begin(), name_.end());
    ticket.insert(ticket.end(), key.begin(), key.end());
    return ticket;
  }

  void unshare(std::span<const std::byte> ticket) {
    const std::lock_guard hold(mutex_);
    if (!std::ranges::equal(ticket.first(kName), name_)) return;  // of another process
    Key key;
    std::ranges::copy(ticket.subspan(kName), key.begin());
    shared_.erase(key);
  }

  // No child is forked meanwhile.
  std::unique_lock<std::mutex> no_fork() { return std::unique_lock(mutex_); }

  void before_fork() { mutex_.lock(); }
  void after_fork() { mutex_.unlock(); }
  void in_child() {
    shared_.clear();
    name_ = {};
    listener_.reset();  // there is no thread that serves
    mutex_.unlock();
  }

 private:
  // REQUIRES: mutex_.
  void start() {
    NamedListener made = listen_by_name(SOCK_SEQPACKET, SOMAXCONN);
    if (made.name.size != kNameSize || !is_name(bytes_of(made.name))) {
      throw Error("the kernel chose a name of another kind than it does");
    }
    std::promise<void> running;  // no child is to be forked while it begins
    std::future<void> begun = running.get_future();
    quiet_thread([this, fd = made.socket.get(), running = std::move(running)]() mutable {
      running.set_value();
      serve(fd);
    }).detach();
    begun.wait();
    std::ranges::copy(bytes_of(made.name), name_.begin());
    listener_ = std::move(made.socket);
  }

  void serve(int listener) {
    for (;;) {
      const UniqueFd client(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
      if (client) {
        answer(client);
      } else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
        return;  // somebody has closed all that this process had
      } else if (errno != EINTR && errno != ECONNABORTED) {
        std::this_thread::sleep_for(kScarcity);
      }
    }
  }

  void answer(const UniqueFd& client) {
    Key key;
    if (!is_of_this_user(client) ||
        poll_until(client.get(), POLLIN, Deadline::after(kQuestionLimit)) <= 0 ||
        recv(client.get(), key.data(), key.size(), MSG_DONTWAIT) !=
            static_cast<ssize_t>(key.size())) {
      return;
    }
    const std::lock_guard hold(mutex_);
    const auto found = shared_.find(key);
    if (found == shared_.end()) {
      send_shared(client, nullptr);
    } else if (send_shared(client, &found->second)) {
      shared_.erase(found);
    }
  }

  std::mutex mutex_;
  UniqueFd listener_;  // none: no thread serves
  std::array<std::byte, kName> name_{};
  std::map<Key, std::vector<UniqueFd>> shared_;
};

// Never destroyed: its thread goes on until the process has ended. Not made at first use, for a
// fork may come in between.
Resharer& resharer = *new Resharer;

Resharer::Resharer() {
  pthread_atfork([] { resharer.before_fork(); }, [] { resharer.after_fork(); },
                 [] { resharer.in_child(); });
}

}  // namespace

std::vector<std::byte> share(std::vector<UniqueFd> descriptors) {
  return resharer.share(std::move(descriptors));
}

void unshare(std::span<const std::byte> ticket) {
  if (ticket.size() == kTicketBytes) resharer.unshare(ticket);
}

std::vector<UniqueFd> redeem(std::span<const std::byte> ticket) {
  if (ticket.size() != kTicketBytes || !is_name(ticket.first(kName))) {
    throw Error("this is no ticket for descriptors");
  }
  constexpr const char* kSilent = "the process that shares the descriptors does not answer";
  UnixName name;
  name.size = kNameSize;
  std::ranges::copy(ticket.first(kName), bytes_of(name).begin());
  const UniqueFd socket = make_socket(AF_UNIX, SOCK_SEQPACKET);
  const timeval limit{.tv_sec = kPatience.count(), .tv_usec = 0};  // while others wait there
  if (setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) {
    throw_errno("SO_SNDTIMEO");
  }
  while (connect(socket.get(), name.get(), name.size) != 0) {
    if (errno == ECONNREFUSED || errno == EPROTOTYPE) throw Error(kEnded);
    if (errno == EAGAIN) throw Error(kSilent);
    if (errno != EINTR) throw_errno("connect for descriptors");
  }
  if (!is_of_this_user(socket)) throw Error("the descriptors are shared by another user");
  const std::span<const std::byte> key = ticket.subspan(kName);
  if (send(socket.get(), key.data(), key.size(), MSG_NOSIGNAL) < 0) {
    if (errno == EPIPE || errno == ECONNRESET) throw Error(kEnded);
    throw_errno("send of a ticket's key");
  }
  if (poll_until(socket.get(), POLLIN, Deadline::after(kPatience)) <= 0) throw Error(kSilent);
  const auto hold = resharer.no_fork();
  return receive_shared(socket);
}

}  // namespace ipc
