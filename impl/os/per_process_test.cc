// SPDX-License-Identifier: MIT
#include "impl/os/per_process.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "impl/os/child.h"

namespace ipc {
namespace {

struct Counted {
  ~Counted() { ++destroyed; }
  int value = 0;
  static int destroyed;
};
int Counted::destroyed = 0;

TEST(PerUser, IsOneObjectForAllThreads) {
  PerProcess<int> own;
  std::vector<int*> seen(8);
  std::vector<std::thread> threads(seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    threads[i] = std::thread([&, i] { seen[i] = &own.get(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::count(seen.begin(), seen.end(), &own.get()), 8);
}

TEST(PerUser, IsDestroyedWithItsOwner) {
  const int before = Counted::destroyed;
  {
    PerProcess<Counted> unused;
    PerProcess<Counted> own;
    own.get().value = 1;
  }
  EXPECT_EQ(Counted::destroyed, before + 1);
}

TEST(PerProcesses, HaveAnObjectOfTheirOwnAndLeaveTheParentsAlone) {
  auto own = std::make_unique<PerProcess<Counted>>();
  own->get().value = 7;
  const int before = Counted::destroyed;
  Child child = fork_child([&] {
    if (own->get().value != 0) return 1;
    own->get().value = 8;
    if (own->get().value != 8) return 2;
    own.reset();
    return Counted::destroyed == before + 1 ? 0 : 3;
  });
  EXPECT_EQ(child.wait(Deadline::never()), 0);
  EXPECT_EQ(own->get().value, 7);
}

TEST(PerProcesses, DestroyNothingThatTheyHaveNotMade) {
  auto own = std::make_unique<PerProcess<Counted>>();
  own->get().value = 7;
  const int before = Counted::destroyed;
  Child child = fork_child([&] {
    own.reset();
    return Counted::destroyed == before ? 0 : 1;
  });
  EXPECT_EQ(child.wait(Deadline::never()), 0);
}

}  // namespace
}  // namespace ipc
