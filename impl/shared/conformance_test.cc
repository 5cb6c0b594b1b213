// SPDX-License-Identifier: MIT
// The contracts of memories and locks x every pair of both x {threads, processes}.
#include <gtest/gtest.h>

#include "impl/shared/contract_test.h"

namespace ipc {
namespace {

// Under the sanitizers, which take several times as long, every lock on one memory and every memory
// under one lock: that is all their code.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kEveryPair = false;
#else
constexpr bool kEveryPair = true;
#endif

const std::vector<SharedPair>& all_pairs() {
  static const std::vector<SharedPair> pairs = [] {
    std::vector<SharedPair> all;
    for (const auto& [memory_name, memory] : MemoryRegistry::entries()) {
      for (const auto& [lock_name, lock] : LockRegistry::entries()) {
        if (kEveryPair || memory_name == "anonymous" || lock_name == "futex") {
          all.push_back({.memory = memory, .lock = lock});
        }
      }
    }
    return all;
  }();
  return pairs;
}

std::vector<Case<SharedPair>> all_cases() {
  std::vector<Case<SharedPair>> all;
  for (const SharedPair& pair : all_pairs()) {
    for (const auto& one : cases_of(pair, shared_checks())) all.push_back(one);
  }
  return all;
}

class SharedContract : public testing::TestWithParam<Case<SharedPair>> {};

TEST_P(SharedContract, Holds) {
  const auto& [pair, check, peers] = GetParam();
  if (const auto reason = pair.memory.traits.available()) GTEST_SKIP() << pair.name << *reason;
  if (const auto reason = excused(check, pair)) GTEST_SKIP() << pair.name << ": " << *reason;
  if (const Verdict wrong = run_check(check, pair, peers, peers)) ADD_FAILURE() << *wrong;
}

INSTANTIATE_TEST_SUITE_P(SharedConformance, SharedContract, testing::ValuesIn(all_cases()),
                         [](const auto& one) { return one.param.name(); });

}  // namespace
}  // namespace ipc
