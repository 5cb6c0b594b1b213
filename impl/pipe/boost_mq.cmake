# SPDX-License-Identifier: MIT
ipcbench_needs(Boost.Interprocess libboost-dev boost/interprocess/ipc/message_queue.hpp)
