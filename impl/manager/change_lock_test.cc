// SPDX-License-Identifier: MIT
// ChangeLock, whose holders are killed. All names say Processes, for all fork.
#include "impl/manager/change_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "impl/os/child.h"
#include "impl/os/mapping.h"

namespace ipc {
namespace {

using Hold = ChangeLock::Hold;

// A child that is killed while it has the lock.
void kill_one_that_holds(ChangeLock& lock, ChangeLock::For what) {
  const Shared<std::atomic<bool>> has_it{false};
  Child child = fork_child([&] {
    const Hold hold(lock, what);
    *has_it = true;
    for (;;) pause();
    return 0;
  });
  while (!*has_it) std::this_thread::yield();
  child.signal(SIGKILL);
  EXPECT_EQ(child.wait(Deadline::never()), -SIGKILL);
}

TEST(ChangeLockProcesses, AKilledReaderDisturbsNobody) {
  const Shared<ChangeLock> lock;
  kill_one_that_holds(*lock, ChangeLock::For::reading);
  { const Hold hold(*lock, ChangeLock::For::changing); }
  kill_one_that_holds(*lock, ChangeLock::For::reading);
  const Hold hold(*lock, ChangeLock::For::changing);
}

TEST(ChangeLockProcesses, WhatWasLeftHalfChangedIsNobodysAnyMore) {
  const Shared<ChangeLock> lock;
  { const Hold hold(*lock, ChangeLock::For::changing); }
  kill_one_that_holds(*lock, ChangeLock::For::changing);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT([&] { Hold(*lock, ChangeLock::For::reading); },
                testing::ThrowsMessage<Error>(testing::HasSubstr("half changed")));
    EXPECT_THROW(Hold(*lock, ChangeLock::For::changing), Error);
  }
}

}  // namespace
}  // namespace ipc
