# SPDX-License-Identifier: MIT
find_path(ATOMIC_QUEUE atomic_queue/atomic_queue.h)
if(NOT ATOMIC_QUEUE)
  set(ipcbench_unavailable "atomic_queue is missing (libatomic-queue-dev)")
endif()
