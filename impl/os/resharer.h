// SPDX-License-Identifier: MIT
// Descriptors for processes that were not forked with them, as CPython passes them: `share` keeps
// them and gives a ticket, a few bytes that any message can carry; a process of the same user that
// has the ticket fetches copies, once. A thread of the process that shares, started with the first
// ticket, hands them out over a unix socket (SCM_RIGHTS).
//
// What nobody fetches stays open until the process ends that shares it; a child of that process
// does not have it. Any thread may call. A fork waits while descriptors are handed over.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "impl/os/unique_fd.h"

namespace ipc {

inline constexpr std::size_t kTicketBytes = 22;
inline constexpr std::size_t kMostDescriptors = 253;  // of one ticket: the kernel's SCM_MAX_FD

// A ticket of kTicketBytes. Throws ValueError for more than kMostDescriptors, std::system_error.
std::vector<std::byte> share(std::vector<UniqueFd> descriptors);

// Of a ticket of this process that nobody will use. Does nothing when it was used, or is none.
void unshare(std::span<const std::byte> ticket);

// Throws Error when this is no ticket, was used before, or is of a process that has ended, belongs
// to another user or does not answer for 10 s; std::system_error.
std::vector<UniqueFd> redeem(std::span<const std::byte> ticket);

}  // namespace ipc
