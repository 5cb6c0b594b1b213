// SPDX-License-Identifier: MIT
// A test that holds processes by the instruction (stepped_test.h), or is skipped where it cannot.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include "impl/os/stepped_test.h"

namespace ipc {

class Stepping : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's instructions are not the ring's";
#endif
    if (!can_step()) GTEST_SKIP() << "ptrace is forbidden here";
    sched_getaffinity(0, sizeof allowed_, &allowed_);
    stay_on_one_cpu();
  }
  void TearDown() override {
    if (CPU_COUNT(&allowed_) != 0) sched_setaffinity(0, sizeof allowed_, &allowed_);
  }

 private:
  cpu_set_t allowed_{};
};

}  // namespace ipc
