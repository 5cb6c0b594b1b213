# SPDX-License-Identifier: MIT
find_path(CPPZMQ_INCLUDE zmq.hpp)
find_library(LIBZMQ zmq)
if(CPPZMQ_INCLUDE AND LIBZMQ)
  set(ipcbench_libraries ${LIBZMQ})
else()
  set(ipcbench_unavailable "ZeroMQ is missing (cppzmq-dev)")
endif()
