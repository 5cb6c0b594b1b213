// SPDX-License-Identifier: MIT
// A queue together with the helper process that its backend needs (backend.h), if it needs one.
#pragma once

#include <memory>

#include "impl/queue/backend.h"

namespace ipc {

// The same queue, with its helper running. The helper ends with the returned object in the process
// that called this, thus for all users, and with the calling thread. Throws std::system_error.
std::unique_ptr<AnyQueue> served(std::unique_ptr<AnyQueue> queue);

}  // namespace ipc
