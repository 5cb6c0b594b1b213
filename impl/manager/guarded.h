// SPDX-License-Identifier: MIT
// The lock of a referent that holds objects. What is replaced or taken out of it may hold others,
// and take long to end: that is done after the lock.
#pragma once

#include <mutex>

namespace ipc::detail {

class Guarded {
 protected:
  std::mutex mutex_;
};

}  // namespace ipc::detail
