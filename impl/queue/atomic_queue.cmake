# SPDX-License-Identifier: MIT
include(${CMAKE_CURRENT_LIST_DIR}/../pipe/atomic_queue_spsc.cmake)
