# SPDX-License-Identifier: MIT
ipcbench_needs(LMDB liblmdb-dev lmdb.h lmdb)
