# SPDX-License-Identifier: MIT
ipcbench_needs(hiredis libhiredis-dev hiredis/hiredis.h hiredis)
