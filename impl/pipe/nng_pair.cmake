# SPDX-License-Identifier: MIT
# Not linked: each process loads a copy of its own (impl/os/nng_socket.h).
ipcbench_needs(nng libnng-dev nng/nng.h)
list(APPEND ipcbench_libraries ${CMAKE_DL_LIBS})
