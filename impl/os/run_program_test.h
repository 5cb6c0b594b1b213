// SPDX-License-Identifier: MIT
// Runs a program as a user does in a shell.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace ipc {

struct ProgramResult {
  int status;          // -1 when a signal ended it
  std::string output;  // both streams
};

inline ProgramResult run_program(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  ProgramResult result{0, ""};
  char chunk[4096];
  while (const std::size_t n = std::fread(chunk, 1, sizeof chunk, pipe)) {
    result.output.append(chunk, n);
  }
  const int raw = pclose(pipe);
  result.status = WIFEXITED(raw) ? WEXITSTATUS(raw) : -1;
  return result;
}

}  // namespace ipc
