// SPDX-License-Identifier: MIT
// What a backend must not leave behind: descriptors and threads of this process, and kernel objects
// with a name or number: POSIX shared memory, semaphores and message queues, and System V objects.
#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace ipc {

struct Belongings {
  std::size_t descriptors;
  std::size_t threads;
};
Belongings belongings_of_this_process();
// Fails when descriptors or threads do not come back to what they were. A thread that was joined
// may be listed a moment longer.
void expect_belongings(const Belongings& before);

using KernelObjects = std::set<std::string>;
// Message queues are seen where /dev/mqueue is mounted.
KernelObjects kernel_objects();
// Fails when an object that is not in `before` stays. Other programs come and go, so it gives them
// time.
void expect_no_more_than(const KernelObjects& before);

}  // namespace ipc
