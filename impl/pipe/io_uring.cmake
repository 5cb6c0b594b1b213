# SPDX-License-Identifier: MIT
find_path(LIBURING_INCLUDE liburing.h)
find_library(LIBURING uring)
if(LIBURING_INCLUDE AND LIBURING)
  set(ipcbench_libraries ${LIBURING})
else()
  set(ipcbench_unavailable "liburing is missing (liburing-dev)")
endif()
