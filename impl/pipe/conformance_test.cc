// SPDX-License-Identifier: MIT
// The contract of pipes x every registered backend x {threads, processes}.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>

#include "impl/os/child.h"
#include "impl/pipe/contract_test.h"

namespace ipc {
namespace {

std::vector<Case<PipeEntry>> all_cases() {
  std::vector<Case<PipeEntry>> all;
  for (const auto& [name, entry] : PipeRegistry::entries()) {
    for (const auto& one : cases_of(entry, pipe_checks())) all.push_back(one);
  }
  return all;
}

class PipeContract : public testing::TestWithParam<Case<PipeEntry>> {};

TEST_P(PipeContract, Holds) {
  const auto& [entry, check, peers] = GetParam();
  if (const auto reason = excused(check, entry)) GTEST_SKIP() << entry.name << ": " << *reason;
  if (const Verdict wrong = run_check(check, entry, peers, peers)) ADD_FAILURE() << *wrong;
}

INSTANTIATE_TEST_SUITE_P(PipeConformance, PipeContract, testing::ValuesIn(all_cases()),
                         [](const auto& one) { return one.param.name(); });

// Without a network, as in many a sandbox.
TEST(PipeProcesses, WithoutALoopbackInterfaceAreUnavailableOrWork) {
  constexpr int kNotAllowed = 77;
  Child child = fork_child([] {
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      return kNotAllowed;
    }
    const auto order = std::ranges::find(pipe_checks(), std::string("MessagesArriveInOrder"),
                                         &Check<PipeEntry>::name);
    for (const auto& [name, entry] : PipeRegistry::entries()) {
      if (!entry.traits.transports || excused(*order, entry)) continue;
      const Verdict wrong = run_check(*order, entry, Peers::processes, Peers::processes);
      EXPECT_EQ(wrong, std::nullopt) << name;
    }
    for (const char* name : {"tcp_loopback", "unix_stream"}) {
      EXPECT_EQ(PipeRegistry::get(name).traits.available().has_value(), name[0] == 't') << name;
    }
    return testing::Test::HasFailure() ? 1 : 0;
  });
  const int status = child.wait(Deadline::never()).value();
  if (status == kNotAllowed) GTEST_SKIP() << "this user may not do without a network";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ipc
