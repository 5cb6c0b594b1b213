# SPDX-License-Identifier: MIT
include(${CMAKE_CURRENT_LIST_DIR}/zmq_pair.cmake)
