// SPDX-License-Identifier: MIT
#include "impl/queue/participants.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <memory>

namespace ipc {
namespace {

// Keeps this thread on one of the CPUs that it may use, the nth; gives all of them back at the end.
class OnCpu {
 public:
  OnCpu() { EXPECT_EQ(sched_getaffinity(0, sizeof(all_), &all_), 0); }
  ~OnCpu() { EXPECT_EQ(sched_setaffinity(0, sizeof(all_), &all_), 0); }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

  int count() const { return CPU_COUNT(&all_); }
  void move_to(int nth) {
    std::size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all_) || nth-- > 0) ++cpu;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  }

 private:
  cpu_set_t all_;
};

TEST(Participants, OnOneCpuNobodySpins) {
  OnCpu here;
  here.move_to(0);
  const auto all = std::make_unique<Participants>();
  Presence::Stay first;
  Presence::Stay second;
  const std::uint32_t waiter = all->join(first);
  EXPECT_FALSE(all->may_spin(waiter)) << "there is nobody else";
  all->join(second);  // and only sends: it has never waited
  EXPECT_FALSE(all->may_spin(waiter));
}

TEST(Participants, OneOnAnotherCpuMaySpinAsSoonAsTheOtherHasTold) {
  OnCpu here;
  if (here.count() < 2) GTEST_SKIP() << "needs two CPUs";
  here.move_to(0);
  const auto all = std::make_unique<Participants>();
  Presence::Stay first;
  Presence::Stay second;
  const std::uint32_t waiter = all->join(first);
  here.move_to(1);
  const std::uint32_t sender = all->join(second);
  here.move_to(0);
  EXPECT_TRUE(all->may_spin(waiter));
  all->tell_cpu(sender);  // it has moved here
  EXPECT_FALSE(all->may_spin(waiter));
}

TEST(Participants, MoreThanThereAreCpusDoNotSpin) {
  OnCpu here;
  if (here.count() < 2) GTEST_SKIP() << "needs two CPUs";
  const auto all = std::make_unique<Participants>();
  const auto count = static_cast<std::size_t>(sysconf(_SC_NPROCESSORS_ONLN)) + 1;
  if (count > Participants::kMost) GTEST_SKIP() << "more CPUs than participants";
  const auto stays = std::make_unique<Presence::Stay[]>(count);
  for (std::size_t i = 0; i < count; ++i) {
    here.move_to(static_cast<int>(i % 2));
    all->join(stays[i]);
  }
  EXPECT_FALSE(all->may_spin(0));
}

}  // namespace
}  // namespace ipc
