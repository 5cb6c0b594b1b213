# SPDX-License-Identifier: MIT
include(${CMAKE_CURRENT_LIST_DIR}/../pipe/nng_pair.cmake)
