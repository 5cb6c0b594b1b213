// SPDX-License-Identifier: MIT
// The contract of queue backends (backend.h) as checks.
#pragma once

#include <vector>

#include "impl/driver/check_test.h"
#include "impl/queue/backend.h"

namespace ipc {

const std::vector<Check<QueueEntry>>& queue_checks();

}  // namespace ipc
