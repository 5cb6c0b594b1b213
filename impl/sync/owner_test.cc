// SPDX-License-Identifier: MIT
#include "impl/sync/owner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "impl/os/child.h"
#include "impl/os/mapping.h"

namespace ipc {
namespace {

TEST(OwnerOfProcesses, IsAliveAsLongAsTheProcess) {
  Owner::prepare();
  const std::uint32_t here = Owner::here();
  EXPECT_EQ(Owner::here(), here);
  EXPECT_TRUE(Owner::is_alive(here));
  EXPECT_FALSE(Owner::is_alive(Owner::kNobody));
  std::set<std::uint32_t> seen = {here, Owner::kNobody};
  for (int i = 0; i < 20; ++i) {  // one after the other: no number is given again
    const Shared<std::atomic<std::uint32_t>> number{0u};
    Child child = fork_child([&] {
      number->store(Owner::here());
      return Owner::is_alive(Owner::here()) && Owner::is_alive(here) ? 0 : 1;
    });
    EXPECT_EQ(child.wait(Deadline::after(std::chrono::seconds(60))), 0);
    EXPECT_FALSE(Owner::is_alive(number->load()));
    EXPECT_TRUE(seen.insert(number->load()).second);
  }
}

}  // namespace
}  // namespace ipc
