// SPDX-License-Identifier: MIT
// An nng socket as message_socket.h wants it. nng aborts in every process that was forked by one
// that has used it, so each process loads a copy of the library for itself, from memory, with
// variables of its own. Longer than most: what an orderly end waits for is here as well, and only
// nng knows that.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <linux/sockios.h>
#include <nng/nng.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "impl/os/error.h"
#include "impl/os/first_use.h"
#include "impl/os/message_socket.h"
#include "impl/os/naps.h"
#include "impl/os/per_process.h"
#include "impl/os/unique_fd.h"
#include "impl/os/unique_name.h"

namespace ipc {

// The functions of this process's copy.
struct NngLibrary {
  static const NngLibrary& here();  // throws std::system_error
  static std::optional<std::string> why_unavailable();

  int (*pair0_open)(nng_socket*);
  int (*push0_open)(nng_socket*);
  int (*pull0_open)(nng_socket*);
  decltype(&nng_close) close;
  decltype(&nng_dial) dial;
  decltype(&nng_listen) listen;
  decltype(&nng_socket_set_int) set_int;
  decltype(&nng_socket_set_size) set_size;
  decltype(&nng_socket_set_ms) set_ms;
  decltype(&nng_sendmsg) sendmsg;
  decltype(&nng_recvmsg) recvmsg;
  decltype(&nng_recv_aio) recv_aio;
  decltype(&nng_aio_alloc) aio_alloc;
  decltype(&nng_aio_free) aio_free;
  decltype(&nng_aio_result) aio_result;
  decltype(&nng_aio_get_msg) aio_get_msg;
  decltype(&nng_msg_alloc) msg_alloc;
  decltype(&nng_msg_free) msg_free;
  decltype(&nng_msg_body) msg_body;
  decltype(&nng_msg_len) msg_len;
  decltype(&nng_strerror) strerror;
  decltype(&nng_stats_get) stats_get;
  decltype(&nng_stats_free) stats_free;
  decltype(&nng_stat_child) stat_child;
  decltype(&nng_stat_next) stat_next;
  decltype(&nng_stat_name) stat_name;
  decltype(&nng_stat_value) stat_value;

  // Throws when `code` is not 0. `what` names the call and its object.
  void check(int code, const std::string& what) const {
    if (code != 0)
      throw std::system_error(EIO, std::generic_category(), what + ": " + strerror(code));
  }
};

class NngMessage {
 public:
  NngMessage() = default;
  explicit NngMessage(std::size_t size) {
    if (nng().msg_alloc(&message_, size) != 0) throw std::bad_alloc();
  }
  NngMessage(NngMessage&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  NngMessage& operator=(NngMessage&& other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~NngMessage() {
    if (message_ != nullptr) nng().msg_free(message_);
  }

  explicit operator bool() const { return message_ != nullptr; }
  // REQUIRES: there is one.
  std::byte* data() { return static_cast<std::byte*>(nng().msg_body(message_)); }
  std::size_t size() const { return nng().msg_len(message_); }

 private:
  friend class NngSocket;
  static const NngLibrary& nng() { return NngLibrary::here(); }

  nng_msg* message_ = nullptr;
};

namespace nng_detail {

inline constexpr std::string_view kScheme = "abstract://";

// Bytes that the other side has not read of a connection that was dialled to this address; nothing
// where there is none. nng does not hand out its descriptors, so all are looked at.
inline std::optional<int> unread_by(std::string_view address) {
  const std::string_view name = address.substr(kScheme.size());
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error); !error && entry != end;
       entry.increment(error)) {
    const int fd = std::stoi(entry->path().filename());
    sockaddr_un peer{};
    socklen_t length = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) continue;
    constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path) + 1;  // the name begins with 0
    if (peer.sun_family != AF_UNIX || length != kBefore + name.size()) continue;
    int unread = 0;
    if (std::memcmp(peer.sun_path + 1, name.data(), name.size()) == 0 &&
        ioctl(fd, SIOCOUTQ, &unread) == 0) {
      return unread;
    }
  }
  return std::nullopt;
}

}  // namespace nng_detail

class NngSocket {
 public:
  using Message = NngMessage;
  static constexpr std::size_t kMaxMessage = std::numeric_limits<std::int32_t>::max();
  static constexpr std::uint32_t kMaxSlots = 8192;  // what its buffers may hold
  static constexpr const char* kNeeds = "Linux, nng";

  // A unix socket with an abstract name, which is gone with the socket.
  static std::string unique_address() {
    return std::string(nng_detail::kScheme) + unique_name().substr(1);
  }

  static std::unique_ptr<NngSocket> dial(Pattern pattern, const std::string& address) {
    const NngLibrary& nng = NngLibrary::here();
    std::unique_ptr<NngSocket> made(
        new NngSocket(nng, pattern == Pattern::pair ? nng.pair0_open : nng.push0_open));
    made->set(nng.set_int, NNG_OPT_SENDBUF, static_cast<int>(kMaxSlots));
    made->set(nng.set_ms, NNG_OPT_RECONNMINT, 1);  // until somebody listens
    made->set(nng.set_ms, NNG_OPT_RECONNMAXT, 20);
    nng.check(nng.dial(made->socket_, address.c_str(), nullptr, NNG_FLAG_NONBLOCK), address);
    made->dialled_ = address;
    return made;
  }

  static std::unique_ptr<NngSocket> listen(Pattern pattern, const std::string& address) {
    const NngLibrary& nng = NngLibrary::here();
    const bool is_pair = pattern == Pattern::pair;
    std::unique_ptr<NngSocket> made(new NngSocket(nng, is_pair ? nng.pair0_open : nng.pull0_open));
    if (is_pair) made->set(nng.set_int, NNG_OPT_RECVBUF, static_cast<int>(kMaxSlots));
    made->set(nng.set_size, NNG_OPT_RECVMAXSZ, std::size_t{0});  // no limit
    made->arrival_ = std::make_unique<Arrival>(nng);
    const int code = nng.listen(made->socket_, address.c_str(), nullptr, 0);
    if (code == NNG_EADDRINUSE) return nullptr;
    nng.check(code, address);
    return made;
  }

  // nng_close hangs at times (nng issue 1543): nobody waits for it.
  ~NngSocket() {
    try {
      std::thread([&nng = nng_, socket = socket_, arrival = std::move(arrival_)] {
        nng.close(socket);
      }).detach();
    } catch (const std::system_error&) {  // no more threads: it stays until the process ends
    }
  }
  NngSocket(const NngSocket&) = delete;
  NngSocket& operator=(const NngSocket&) = delete;

  // Waits only when more than kMaxSlots are on their way.
  Status send(Message& message) {
    if (nng_.sendmsg(socket_, message.message_, 0) != 0) return Status::system_error;
    message.message_ = nullptr;
    ++sent_;
    return Status::ok;
  }
  bool take(Message& message) {
    if (!has_message()) return false;
    message = std::exchange(next_, Message());
    return true;
  }
  bool has_message() {
    if (next_) return true;
    if (arrival_->awaited) {
      if (!arrival_->came(Deadline::now())) return false;
      next_.message_ = arrival_->message();
      if (next_) return true;
    }
    return nng_.recvmsg(socket_, &next_.message_, NNG_FLAG_NONBLOCK) == 0;
  }
  // Not by NNG_OPT_RECVFD, which leaves two descriptors behind for each socket.
  bool wait(int end_fd, Deadline deadline) {
    if (next_) return false;
    if (!std::exchange(arrival_->awaited, true)) nng_.recv_aio(socket_, arrival_->aio);
    pollfd entries[] = {{arrival_->bell.get(), POLLIN, 0}, {end_fd, POLLIN, 0}};
    timespec left{};
    if (!deadline.is_never()) left = deadline.remaining();
    return ppoll(entries, 2, deadline.is_never() ? nullptr : &left, nullptr) > 0 &&
           entries[1].revents != 0;
  }
  // What is written is not safe: nng drops what it finds at a hang-up. So the other process must
  // have read it, which the kernel tells of the connection.
  void finish(Deadline deadline) {
    bool connected = false;
    nap_until(deadline, [&] {
      const std::optional<int> unread = nng_detail::unread_by(dialled_);
      if (!unread) return std::exchange(connected, false) ? Status::closed : Status::timed_out;
      connected = true;
      return connections().messages >= sent_ && nng_detail::unread_by(dialled_) == 0
                 ? Status::ok
                 : Status::timed_out;
    });
  }
  // nng 1.5 takes an error of a connection that is closed while both sides introduce themselves for
  // one of the listener's own, which then listens no more.
  void leave(Deadline deadline) {
    nap_until(deadline, [&] { return connections().open != 0 ? Status::ok : Status::timed_out; });
  }

 private:
  struct Connections {
    int open = 0;                // both sides have introduced themselves
    std::uint64_t messages = 0;  // written whole over those
  };
  Connections connections() const {
    nng_stat* all = nullptr;
    if (nng_.stats_get(&all) != 0) return {1, sent_};  // nng was built without
    Connections found;
    for (nng_stat* entry = nng_.stat_child(all); entry != nullptr; entry = nng_.stat_next(entry)) {
      if (nng_.stat_name(entry) != std::string_view("pipe")) continue;
      bool is_ours = false;
      std::uint64_t sent = 0;
      for (nng_stat* one = nng_.stat_child(entry); one != nullptr; one = nng_.stat_next(one)) {
        const std::string_view name = nng_.stat_name(one);
        const std::uint64_t value = nng_.stat_value(one);
        if (name == "socket") is_ours = value == socket_.id;
        if (name == "tx_msgs") sent = value;
      }
      if (!is_ours) continue;
      ++found.open;
      found.messages += sent;
    }
    nng_.stats_free(all);
    return found;
  }

  // A message that a thread of nng receives, and rings for.
  struct Arrival {
    explicit Arrival(const NngLibrary& library) : nng(library), bell(eventfd(0, EFD_CLOEXEC)) {
      if (!bell) throw_errno("eventfd");
      const auto ring = [](void* self) {
        eventfd_write(static_cast<Arrival*>(self)->bell.get(), 1);
      };
      nng.check(nng.aio_alloc(&aio, ring, this), "nng_aio_alloc");
    }
    ~Arrival() { nng.aio_free(aio); }
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;

    bool came(Deadline deadline) const { return poll_until(bell.get(), POLLIN, deadline) > 0; }
    // Nothing when the socket was closed. REQUIRES: it came.
    nng_msg* message() {
      eventfd_t rings;
      eventfd_read(bell.get(), &rings);
      awaited = false;
      return nng.aio_result(aio) == 0 ? nng.aio_get_msg(aio) : nullptr;
    }

    const NngLibrary& nng;
    const UniqueFd bell;
    nng_aio* aio = nullptr;
    bool awaited = false;
  };

  NngSocket(const NngLibrary& nng, int (*open)(nng_socket*)) : nng_(nng) {
    nng_.check(open(&socket_), "nng socket");
  }
  template <class Set, class Value>
  void set(Set set_option, const char* option, Value value) {
    nng_.check(set_option(socket_, option, value), option);
  }

  const NngLibrary& nng_;
  nng_socket socket_ = NNG_SOCKET_INITIALIZER;
  std::string dialled_;
  std::uint64_t sent_ = 0;
  std::unique_ptr<Arrival> arrival_;  // of one who listens
  Message next_;                      // what has come
};

static_assert(MessageSocket<NngSocket>);

// ---- Loading

namespace nng_detail {

inline constexpr const char* kFile = "libnng.so.1";

[[noreturn]] inline void throw_dl(const std::string& what) {
  const char* const reason = dlerror();
  throw std::system_error(ENOEXEC, std::generic_category(),
                          what + ": " + (reason == nullptr ? "no reason given" : reason));
}

// Where the system has the library. It is not used, so that nng takes no notice of this process.
// Asked once, before there are copies, which answer to the same name.
inline const std::string& path_of_library() {
  static constinit FirstUse<const std::string> path;
  return path.get([] {
    void* const library = dlopen(kFile, RTLD_LAZY | RTLD_LOCAL);
    link_map* map = nullptr;
    if (library == nullptr || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) throw_dl(kFile);
    std::string name = map->l_name;
    dlclose(library);
    return name;
  });
}

// The dynamic linker takes files of different names and inodes for different libraries.
inline void* load_copy() {
  const std::string& path = path_of_library();
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw_errno(path);
  const UniqueFd copy(memfd_create("nng", MFD_CLOEXEC));
  if (!copy) throw_errno("memfd_create");
  for (ssize_t sent = 1; sent != 0;) {
    sent = sendfile(copy.get(), file.get(), nullptr, std::size_t{1} << 30);
    if (sent < 0) throw_errno("copy of " + path);
  }
  const std::string name =
      "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(copy.get());
  void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw_dl(name);
  return library;
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw_dl(name);
}

inline NngLibrary load() {
  void* const library = load_copy();
  NngLibrary nng;
  find(library, "nng_pair0_open", nng.pair0_open);
  find(library, "nng_push0_open", nng.push0_open);
  find(library, "nng_pull0_open", nng.pull0_open);
  find(library, "nng_close", nng.close);
  find(library, "nng_dial", nng.dial);
  find(library, "nng_listen", nng.listen);
  find(library, "nng_socket_set_int", nng.set_int);
  find(library, "nng_socket_set_size", nng.set_size);
  find(library, "nng_socket_set_ms", nng.set_ms);
  find(library, "nng_recv_aio", nng.recv_aio);
  find(library, "nng_aio_alloc", nng.aio_alloc);
  find(library, "nng_aio_free", nng.aio_free);
  find(library, "nng_aio_result", nng.aio_result);
  find(library, "nng_aio_get_msg", nng.aio_get_msg);
  find(library, "nng_sendmsg", nng.sendmsg);
  find(library, "nng_recvmsg", nng.recvmsg);
  find(library, "nng_msg_alloc", nng.msg_alloc);
  find(library, "nng_msg_free", nng.msg_free);
  find(library, "nng_msg_body", nng.msg_body);
  find(library, "nng_msg_len", nng.msg_len);
  find(library, "nng_strerror", nng.strerror);
  find(library, "nng_stats_get", nng.stats_get);
  find(library, "nng_stats_free", nng.stats_free);
  find(library, "nng_stat_child", nng.stat_child);
  find(library, "nng_stat_next", nng.stat_next);
  find(library, "nng_stat_name", nng.stat_name);
  find(library, "nng_stat_value", nng.stat_value);
  return nng;
}

struct Loaded {
  std::once_flag once;
  NngLibrary library;
};

// Never destroyed: for threads until the end.
inline constinit FirstUse<PerProcess<Loaded>> copies;

}  // namespace nng_detail

inline const NngLibrary& NngLibrary::here() {
  nng_detail::Loaded& mine = nng_detail::copies.get().get();
  std::call_once(mine.once, [&] { mine.library = nng_detail::load(); });
  return mine.library;
}

inline std::optional<std::string> NngLibrary::why_unavailable() {
  try {
    nng_detail::path_of_library();
    return std::nullopt;
  } catch (const std::system_error& error) {
    return error.what();
  }
}

}  // namespace ipc
