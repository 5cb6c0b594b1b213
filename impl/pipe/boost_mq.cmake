# SPDX-License-Identifier: MIT
find_path(BOOST_INTERPROCESS boost/interprocess/ipc/message_queue.hpp)
if(NOT BOOST_INTERPROCESS)
  set(ipcbench_unavailable "Boost.Interprocess is missing (libboost-dev)")
endif()
