# SPDX-License-Identifier: MIT
find_path(BOOST_LOCKFREE boost/lockfree/spsc_queue.hpp)
if(NOT BOOST_LOCKFREE)
  set(ipcbench_unavailable "Boost.Lockfree is missing (libboost-dev)")
endif()
