// SPDX-License-Identifier: MIT
// The contract of queues x every registered backend x {threads, processes}.
#include <gtest/gtest.h>

#include "impl/queue/contract_test.h"

namespace ipc {
namespace {

std::vector<Case<QueueEntry>> all_cases() {
  std::vector<Case<QueueEntry>> all;
  for (const auto& [name, entry] : QueueRegistry::entries()) {
    for (const auto& one : cases_of(entry, queue_checks())) all.push_back(one);
  }
  return all;
}

class QueueContract : public testing::TestWithParam<Case<QueueEntry>> {};

TEST_P(QueueContract, Holds) {
  const auto& [entry, check, peers] = GetParam();
  if (const auto reason = excused(check, entry)) GTEST_SKIP() << entry.name << ": " << *reason;
  if (const Verdict wrong = run_check(check, entry, peers, peers)) ADD_FAILURE() << *wrong;
}

INSTANTIATE_TEST_SUITE_P(QueueConformance, QueueContract, testing::ValuesIn(all_cases()),
                         [](const auto& one) { return one.param.name(); });

}  // namespace
}  // namespace ipc
