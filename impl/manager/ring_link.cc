// SPDX-License-Identifier: MIT
#include "impl/manager/ring_link.h"

#include <poll.h>

#include "impl/os/descriptors.h"
#include "impl/os/error.h"
#include "impl/os/stream.h"

namespace ipc {

Status make_rings(const UniqueFd& socket, char byte, std::unique_ptr<RingWays>& ways) {
  auto made = std::make_unique<RingWays>();
  const int descriptors[] = {made->to_server.ring.descriptor().get(),
                             made->to_client.ring.descriptor().get()};
  // The connection is new, and has room for it.
  if (!send_descriptors(socket, byte, descriptors)) return stream_failure();
  ways = std::move(made);
  return Status::ok;
}

Status receive_rings(const UniqueFd& socket, char byte, std::unique_ptr<RingWays>& ways,
                     Deadline deadline) {
  const int reported = poll_until(socket.get(), POLLIN, deadline);
  if (reported <= 0) return reported == 0 ? Status::timed_out : Status::system_error;
  auto [got, said, is_cut, descriptors] = receive_descriptors(socket, 2);
  if (got < 0) return stream_failure();
  if (got == 0) return Status::closed;
  if (said != byte) return Status::corrupt;
  if (is_cut) {
    errno = EMFILE;  // as far as is known: the kernel does not say
    throw_errno("receiving the descriptors of two rings");
  }
  if (descriptors.size() != 2) return Status::corrupt;
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
