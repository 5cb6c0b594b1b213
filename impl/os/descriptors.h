// SPDX-License-Identifier: MIT
// Descriptors on their way to another process: with one byte, through a unix stream socket that
// carries nothing else (SCM_RIGHTS).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <vector>

#include "impl/os/unique_fd.h"

namespace ipc {

// Does not wait. False when it could not, errno says why.
bool send_descriptors(const UniqueFd& socket, char byte, std::span<const int> descriptors);

struct ReceivedDescriptors {
  ssize_t got = 0;      // as recvmsg gives it: negative is an error (errno), 0 the end
  char byte = 0;        // if there was one
  bool is_cut = false;  // there were more, or this process cannot have so many
  std::vector<UniqueFd> descriptors;
};
// At most so many. Does not wait. Throws std::bad_alloc before anything was received.
ReceivedDescriptors receive_descriptors(const UniqueFd& socket, std::size_t most);

}  // namespace ipc
