// SPDX-License-Identifier: MIT
// What the questions about processes, pools and work share: their cells. Their backends are ways to
// have something done, and stand beside each question.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bench/harness/program.h"

namespace ipc::bench {

struct ProcessBackend {
  const char* name;
  const char* summary;
  const char* source;
  void (*operation)();  // where a message is a call of it
};
std::vector<Backend> listed_backends(std::span<const ProcessBackend> backends);

Series process_series(const char* question, const char* backend, const Keys& keys,
                      std::function<std::unique_ptr<Team>(const Keys&, const RunOptions&)> start);

}  // namespace ipc::bench
