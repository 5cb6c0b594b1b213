// SPDX-License-Identifier: MIT
#include "impl/os/hang_up_watch.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "impl/os/deadline.h"
#include "impl/os/lifetime_token.h"

namespace ipc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void nap_until_equal(const std::atomic<int>& value, int wanted) {
  for (const Deadline limit = Deadline::after(seconds(60)); value != wanted && !limit.passed();) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(value, wanted);
}

TEST(HangUpWatch, ActsUntilItIsDone) {
  LifetimeToken lifetime;
  const LifetimeToken::Hold hold = lifetime.take(0);
  std::atomic<int> acts{0};
  HangUpWatch watch;
  for (int again = 0; again < 3; ++again) watch.start(hold.fd(), [&] { return ++acts == 3; });
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(acts, 0);
  lifetime.drop(1);
  nap_until_equal(acts, 3);
  std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(acts, 3);
}

TEST(HangUpWatch, EndsAsleepAndAtWork) {
  for (const bool hung_up : {false, true}) {
    LifetimeToken lifetime;
    const LifetimeToken::Hold hold = lifetime.take(0);
    std::atomic<int> acts{0};
    HangUpWatch watch;
    watch.start(hold.fd(), [&] { return ++acts < 0; });
    if (!hung_up) continue;
    lifetime.drop(1);
    while (acts == 0) std::this_thread::yield();
  }
  HangUpWatch never_started;
}

TEST(HangUpWatch, LeavesSignalsToOthers) {
  LifetimeToken lifetime;
  const LifetimeToken::Hold hold = lifetime.take(0);
  std::atomic<int> blocked{0};
  HangUpWatch watch;
  watch.start(hold.fd(), [&] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM);
    return true;
  });
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
  lifetime.drop(1);
  nap_until_equal(blocked, 1);
}

}  // namespace
}  // namespace ipc
