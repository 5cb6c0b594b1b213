# SPDX-License-Identifier: MIT
ipcbench_needs(atomic_queue libatomic-queue-dev atomic_queue/atomic_queue.h)
