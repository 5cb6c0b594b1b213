# SPDX-License-Identifier: MIT
ipcbench_needs(ZeroMQ cppzmq-dev zmq.hpp zmq)
