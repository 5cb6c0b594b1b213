# SPDX-License-Identifier: MIT
ipcbench_needs(Boost.Lockfree libboost-dev boost/lockfree/spsc_queue.hpp)
