# SPDX-License-Identifier: MIT
# Not linked: each process loads a copy of its own (impl/os/nng_socket.h).
find_path(NNG_INCLUDE nng/nng.h)
if(NNG_INCLUDE)
  set(ipcbench_libraries ${CMAKE_DL_LIBS})
else()
  set(ipcbench_unavailable "nng is missing (libnng-dev)")
endif()
