// SPDX-License-Identifier: MIT
// The contract of pipe backends (backend.h) as checks.
#pragma once

#include <vector>

#include "impl/driver/check_test.h"
#include "impl/pipe/backend.h"

namespace ipc {

const std::vector<Check<PipeEntry>>& pipe_checks();

}  // namespace ipc
