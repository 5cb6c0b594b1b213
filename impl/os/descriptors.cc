// SPDX-License-Identifier: MIT
#include "impl/os/descriptors.h"

#include <sys/socket.h>

#include <cstring>

namespace ipc {
namespace {

// A byte, and room for so many descriptors.
struct Packet {
  char byte;
  iovec part{&byte, sizeof byte};
  std::vector<std::byte> control;  // allocated, so aligned for a cmsghdr
  msghdr header{};

  Packet(char a_byte, std::size_t descriptors)
      : byte(a_byte), control(descriptors == 0 ? 0 : CMSG_SPACE(descriptors * sizeof(int))) {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
};

}  // namespace

bool send_descriptors(const UniqueFd& socket, char byte, std::span<const int> descriptors) {
  Packet packet(byte, descriptors.size());
  if (!descriptors.empty()) {
    cmsghdr* const part = CMSG_FIRSTHDR(&packet.header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }
  return sendmsg(socket.get(), &packet.header, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

ReceivedDescriptors receive_descriptors(const UniqueFd& socket, std::size_t most) {
  ReceivedDescriptors received;
  received.descriptors.reserve(most);  // none may be lost for want of memory
  Packet packet(0, most);
  received.got = recvmsg(socket.get(), &packet.header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (received.got < 0) return received;
  for (cmsghdr* part = CMSG_FIRSTHDR(&packet.header); part != nullptr;
       part = CMSG_NXTHDR(&packet.header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      received.descriptors.emplace_back(fd);
    }
  }
  received.byte = packet.byte;
  received.is_cut = (packet.header.msg_flags & MSG_CTRUNC) != 0;
  return received;
}

}  // namespace ipc
