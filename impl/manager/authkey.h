// SPDX-License-Identifier: MIT
// The key that this process uses with managers that are given none: random bytes, which its
// children have from it. Any thread may call; a fork waits meanwhile.
#pragma once

#include <string>

namespace ipc {

std::string authkey();
void set_authkey(std::string key);

}  // namespace ipc
