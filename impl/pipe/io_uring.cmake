# SPDX-License-Identifier: MIT
ipcbench_needs(liburing liburing-dev liburing.h uring)
