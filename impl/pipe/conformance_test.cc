// SPDX-License-Identifier: MIT
// The contract of pipes x every registered backend x {threads, processes}.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ipc
