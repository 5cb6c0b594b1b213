// SPDX-License-Identifier: MIT
// What a backend must not leave behind: descriptors and threads of this process, and kernel objects
// with a name or number: POSIX shared memory, semaphores and message queues, System V objects, and
// our folders in TMPDIR.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>

#include "impl/os/unique_fd.h"

namespace ipc {

struct Belongings {
  std::size_t descriptors;
  std::size_t threads;
};
Belongings belongings_of_this_process();
// Fails when descriptors or threads do not come back to what they were. A thread that was joined
// may be listed a moment longer.
void expect_belongings(const Belongings& before);

// The kernel objects of this machine, as they were when it was constructed. Message queues are seen
// by root, or where /dev/mqueue is mounted. One at a time, as what a test leaves behind on purpose
// would be blamed on others.
class KernelObjects {
 public:
  static bool may_list_message_queues();

  KernelObjects();
  // Fails when there are new ones that stay, though `clean_up` is done again and again. Other
  // programs come and go, so it gives them time.
  void expect_nothing_new(const std::function<void()>& clean_up = [] {}) const;

 private:
  UniqueFd turn_;
  std::set<std::string> before_;
};

}  // namespace ipc
