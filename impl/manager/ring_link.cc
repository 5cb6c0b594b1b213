// SPDX-License-Identifier: MIT
#include "impl/manager/ring_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "impl/os/error.h"
#include "impl/os/stream.h"

namespace ipc {
namespace {

constexpr std::size_t kRings = 2;

// A byte with descriptors.
struct Packet {
  char byte = 0;
  iovec part{&byte, sizeof byte};
  alignas(cmsghdr) char control[CMSG_SPACE(kRings * sizeof(int))] = {};
  msghdr header{};

  Packet() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
};

// What has come with a packet; others than the kernel has not room for.
std::array<UniqueFd, kRings> descriptors_in(Packet& packet) {
  std::array<UniqueFd, kRings> all;
  const cmsghdr* const part = CMSG_FIRSTHDR(&packet.header);
  if (part == nullptr || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
    return all;
  }
  const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < std::min(count, kRings); ++i) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
    all[i] = UniqueFd(fd);
  }
  return all;
}

}  // namespace

Status make_rings(const UniqueFd& socket, char byte, std::unique_ptr<RingWays>& ways) {
  auto made = std::make_unique<RingWays>();
  const int descriptors[kRings] = {made->to_server.ring.descriptor().get(),
                                   made->to_client.ring.descriptor().get()};
  Packet packet;
  packet.byte = byte;
  cmsghdr* const part = CMSG_FIRSTHDR(&packet.header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(part), descriptors, sizeof descriptors);
  // The connection is new, and has room for it.
  if (sendmsg(socket.get(), &packet.header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    return stream_failure();
  }
  ways = std::move(made);
  return Status::ok;
}

Status receive_rings(const UniqueFd& socket, char byte, std::unique_ptr<RingWays>& ways,
                     Deadline deadline) {
  const int reported = poll_until(socket.get(), POLLIN, deadline);
  if (reported <= 0) return reported == 0 ? Status::timed_out : Status::system_error;
  Packet packet;
  const ssize_t got = recvmsg(socket.get(), &packet.header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return stream_failure();
  std::array<UniqueFd, kRings> descriptors = descriptors_in(packet);
  if (got == 0) return Status::closed;
  if (packet.byte != byte) return Status::corrupt;
  if ((packet.header.msg_flags & MSG_CTRUNC) != 0) {
    errno = EMFILE;  // as far as is known: the kernel does not say
    throw_errno("receiving the descriptors of two rings");
  }
  if (!descriptors[0] || !descriptors[1]) return Status::corrupt;
  try {
    auto made = std::make_unique<RingWays>(std::move(descriptors[0]), std::move(descriptors[1]));
    if (made->to_server.capacity != RingWays::kCapacity ||
        made->to_client.capacity != RingWays::kCapacity) {
      return Status::corrupt;
    }
    ways = std::move(made);
    return Status::ok;
  } catch (const Error&) {
    return Status::corrupt;
  }
}

}  // namespace ipc
