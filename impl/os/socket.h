// SPDX-License-Identifier: MIT
// Sockets as the backends want them: close-on-exec, with buffers of a size that is asked for and
// told.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <optional>

#include "impl/os/unique_fd.h"

namespace ipc {

// `domain`: AF_UNIX or AF_INET; `type`: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. Throws
// std::system_error.
UniqueFd make_socket(int domain, int type);

// Two unix sockets, connected with each other.
struct SocketPair {
  UniqueFd ends[2];
};
// `type` as above. Throws std::system_error.
SocketPair make_socket_pair(int type);
// From now on end 0 only receives and end 1 only sends.
void make_one_way(const SocketPair& pair);

// The name of a unix socket, as the socket functions take it.
struct UnixName {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socklen_t size = sizeof address;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

// A unix socket that listens under an abstract name that the kernel has chosen, which is gone with
// it.
struct NamedListener {
  UniqueFd socket;
  UnixName name;
};
// `backlog` as listen(2) takes it. Throws std::system_error.
NamedListener listen_by_name(int type, int backlog);

// Who made the other end of a connected unix socket, or listened there. Nothing: see errno.
std::optional<ucred> peer_of(const UniqueFd& socket);

// Asks for a buffer, SO_SNDBUF or SO_RCVBUF, and gives the size that was granted, in bytes as the
// kernel counts them: with its own book-keeping, 700 to 800 bytes a message. Less than asked where
// net.core.wmem_max or rmem_max say so. What two unix sockets hold on the way is the sender's
// SO_SNDBUF alone. Throws std::system_error.
std::size_t ask_socket_buffer(int fd, int option, std::size_t bytes);

// What the kernel keeps of a unix socket's send buffer: a packet is that much shorter, at least.
inline constexpr std::size_t kPacketOverhead = 32;

// Up to 17 pages the kernel takes a datagram in pieces. What is longer needs memory without gaps,
// which it may not find.
inline constexpr std::size_t kLargestPacket = 17 * 4096;

}  // namespace ipc
