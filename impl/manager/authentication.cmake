# SPDX-License-Identifier: MIT
# Not one backend but the family stands on it.
find_path(LIBCRYPTO_INCLUDE openssl/hmac.h REQUIRED)
find_library(LIBCRYPTO crypto REQUIRED)
set(ipcbench_libraries ${LIBCRYPTO})
