// SPDX-License-Identifier: MIT
// What Python's users know of Value and RawValue, x every lock.
#include "impl/shared/value.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "impl/os/error.h"
#include "impl/process/typed_api_test.h"
#include "impl/sync/lock.h"

namespace ipc {
namespace {

struct Point {
  int x;
  double y;
};

class ValueUnderLock : public testing::TestWithParam<std::string> {
 protected:
  SharedOptions options() const { return {.lock = GetParam()}; }
  const Traits& traits() const { return LockRegistry::get(GetParam()).traits; }
  void SetUp() override {
    if (const auto reason = traits().available()) GTEST_SKIP() << *reason;
  }
};
using ValueProcesses = ValueUnderLock;

TEST_P(ValueUnderLock, IsZeroOrWhatItIsGiven) {
  EXPECT_EQ(Value<long>({}, options()).value(), 0);
  EXPECT_EQ(Value<long>(-7, options()).value(), -7);
  EXPECT_EQ(Value<double>(0.5, options()).value(), 0.5);
  EXPECT_EQ(Value<char>('x', options()).value(), 'x');
  EXPECT_EQ(Value<bool>(true, options()).value(), true);
  EXPECT_EQ(Value<short>(static_cast<short>(70000), options()).value(), 4464);  // wraps
}

TEST_P(ValueUnderLock, IsTheSameInItsCopies) {
  Value<int> value(1, options());
  Value<int> copy = value;
  copy.set_value(2);
  EXPECT_EQ(value.value(), 2);
}

TEST_P(ValueUnderLock, IsUpdated) {
  Value<int> value(20, options());
  EXPECT_EQ(value.update([](int& n) { n = n * 2 + 2; }), 42);
  EXPECT_EQ(value.value(), 42);
}

TEST_P(ValueProcesses, IsCountedByAll) {
  if (!traits().exclusive && !traits().exchanging) GTEST_SKIP() << "it excludes nobody";
  constexpr int kEach = 1000;
  Value<long> value(0, options());
  std::vector<Process> all;
  for (int i = 0; i < 3; ++i) {
    all.emplace_back([&] {
      for (int k = 0; k < kEach; ++k) {
        if (k % 2 == 0 || !traits().exclusive) {
          value.update([](long& n) { ++n; });
        } else {
          std::lock_guard hold(value);
          value.set_value(value.value() + 1);
        }
      }
    });
  }
  for (Process& process : all) process.start();
  for (Process& process : all) EXPECT_EQ(end_of(process), 0);
  EXPECT_EQ(value.value(), 3 * kEach);
}

void expect_held_again_by_its_holder_only(Value<long>& value) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(value.acquire());
  value.set_value(5);
  EXPECT_EQ(value.value(), 5);
  for (int i = 0; i < 3; ++i) {
    std::thread([&] {
      EXPECT_FALSE(value.acquire(false));
      EXPECT_FALSE(value.acquire(true, 0.01));
      EXPECT_THROW(value.release(), StateError);
    }).join();
    value.release();
  }
  EXPECT_THROW(value.release(), StateError);
  std::thread([&] {
    EXPECT_TRUE(value.acquire(true, kHang));
    value.release();
  }).join();
}

TEST_P(ValueUnderLock, IsHeldAgainByItsHolderOnlyInEveryMemory) {
  for (const auto& [name, memory] : MemoryRegistry::entries()) {
    if (memory.traits.available()) continue;
    SCOPED_TRACE(name);
    Value<long> value(0, {.memory = name, .lock = GetParam()});
    if (traits().exclusive) {
      expect_held_again_by_its_holder_only(value);
    } else {
      EXPECT_THROW(value.get_lock(), ValueError);
      EXPECT_THROW(value.acquire(), ValueError);
    }
  }
}

TEST_P(ValueProcesses, OfAKilledHolderIsAsTheTraitsSay) {
  if (!traits().exclusive) GTEST_SKIP() << "there is nothing to hold";
  Value<long> value(1, options());
  Process holder([&] {
    ASSERT_TRUE(value.acquire());
    value.set_value(2);
    raise(SIGKILL);
  });
  holder.start();
  EXPECT_EQ(end_of(holder), -SIGKILL);
  const bool survives = traits().survives_kill;
  EXPECT_EQ(value.acquire(true, survives ? kHang : kBrief), survives);
  if (survives) {
    EXPECT_EQ(value.value(), 2);
    value.release();
  }
}

struct Halves {
  short low;
  short high;
};

// Also where the whole is one atomic number.
TEST_P(ValueUnderLock, HasSmallFields) {
  Value<Halves> value(Halves{1, 2}, options());
  value.set_value(&Halves::high, 3);
  EXPECT_EQ(value.value(&Halves::low), 1);
  EXPECT_EQ(value.value(&Halves::high), 3);
  value.set_value(&Halves::low, 4);
  EXPECT_EQ(value.value().high, 3);
}

TEST_P(ValueUnderLock, HasFields) {
  if (sizeof(Point) > traits().max_message) {
    EXPECT_THROW(Value<Point>(Point{}, options()), ValueError);
    return;
  }
  Value<Point> point(Point{1, 2.5}, options());
  EXPECT_EQ(point.value(&Point::x), 1);
  point.set_value(&Point::y, 7.5);
  EXPECT_EQ(point.value(&Point::x), 1);
  EXPECT_EQ(point.value().y, 7.5);
  EXPECT_EQ(point.update([](Point& p) { p.x = 9; }).y, 7.5);
  EXPECT_EQ(point.value(&Point::x), 9);
}

TEST_P(ValueUnderLock, IsThereWithoutItsLock) {
  Value<int> value(3, options());
  if (traits().exclusive && traits().reads_alone) {
    EXPECT_THROW(value.get_obj(), ValueError);
    return;
  }
  RawValue<int> raw = value.get_obj();
  raw.set_value(4);
  EXPECT_EQ(value.value(), 4);
  *raw.address() = 5;
  EXPECT_EQ(value.value(), 5);
}

std::vector<std::string> lock_names() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : LockRegistry::entries()) names.push_back(name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Locks, ValueUnderLock, testing::ValuesIn(lock_names()), backend_name);
INSTANTIATE_TEST_SUITE_P(Locks, ValueProcesses, testing::ValuesIn(lock_names()), backend_name);

TEST(Value, TakesTheLockOfAnother) {
  Value<int> first(1);
  Value<int> second(2, {.own = first.get_lock()});
  EXPECT_EQ(second.get_lock(), first.get_lock());
  std::lock_guard hold(first);
  second.set_value(first.value() + second.value());
  EXPECT_EQ(second.value(), 3);
  std::thread([&] { EXPECT_FALSE(second.acquire(false)); }).join();
}

TEST(Value, KeepsTheLockOfOneThatIsGone) {
  auto first = std::make_unique<Value<int>>(1);
  Value<int> second(2, {.own = first->get_lock()});
  first.reset();
  std::lock_guard hold(second);
  second.set_value(3);
  EXPECT_EQ(second.value(), 3);
}

TEST(Value, TakesALockOfItsUser) {
  RLock own;
  Value<int> value(1, {.own = own});
  EXPECT_EQ(value.get_lock(), SharedLock(own));
  {
    std::lock_guard hold(own);
    value.set_value(value.value() + 1);
    std::thread([&] { EXPECT_FALSE(value.acquire(false)); }).join();
  }
  EXPECT_EQ(value.value(), 2);
  EXPECT_THROW(value.release(), StateError);
}

// As in Python: whoever holds it and touches the value waits for itself.
TEST(ValueOfProcesses, WaitsForEverUnderALockThatIsNotRecursive) {
  Lock own;
  Value<int> value(1, {.own = own});
  Process child([&] {
    std::lock_guard hold(own);
    value.set_value(2);
  });
  child.start();
  EXPECT_FALSE(child.join(kBrief));
  child.kill();
  EXPECT_EQ(value.value(), 1);
}

TEST(Value, IsMadeOfARawOne) {
  RawValue<int> raw(7);
  Value<int> value(raw);
  value.update([](int& n) { ++n; });
  EXPECT_EQ(raw.value(), 8);
  RawValue<int> other = copy(raw);
  other.set_value(0);
  EXPECT_EQ(raw.value(), 8);
  EXPECT_THROW(Value<int>(raw, {.lock = "latch"}), ValueError);  // it would make two of it
}

TEST(Value, SaysWhichNamesThereAre) {
  for (const SharedOptions& wrong :
       {SharedOptions{.memory = "ram"}, SharedOptions{.lock = "mutex"}}) {
    try {
      Value<int> value(0, wrong);
      FAIL() << "there is no such name";
    } catch (const ValueError& error) {
      EXPECT_NE(std::string(error.what()).find("there are: "), std::string::npos) << error.what();
    }
  }
}

TEST(ValueOfProcesses, IsSharedInEveryMemory) {
  for (const auto& [name, entry] : MemoryRegistry::entries()) {
    if (entry.traits.available()) continue;
    Value<long> value(1, {.memory = name});
    RawValue<long> raw(2, name);
    Process child([&] {
      value.set_value(value.value() + 10);
      raw.set_value(raw.value() + 10);
    });
    child.start();
    EXPECT_EQ(end_of(child), 0);
    EXPECT_EQ(value.value(), 11) << name;
    EXPECT_EQ(raw.value(), 12) << name;
  }
}

// What is mapped and shared, by address: the names that the kernel shows.
std::map<std::string, std::string> shared_mappings() {
  std::map<std::string, std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string address;
    std::string permissions;
    std::string skipped;
    std::string name;
    words >> address >> permissions >> skipped >> skipped >> skipped >> std::ws;
    std::getline(words, name);
    if (permissions.ends_with("s")) found.emplace(address, name);
  }
  return found;
}

// Claim C04: what CPython maps is a file; ours has no name either, where there is one.
TEST(Value, StandsInAFileWithoutAName) {
  const std::set<std::string> in_a_file = {"file", "memfd", "posix_shm", "boost_managed"};
  for (const auto& [name, entry] : MemoryRegistry::entries()) {
    if (entry.traits.available()) continue;
    SCOPED_TRACE(name);
    const auto before = shared_mappings();
    const RawValue<long> value(1, name);
    int files = 0;
    int others = 0;
    for (const auto& [address, mapped] : shared_mappings()) {
      if (before.contains(address)) continue;
      EXPECT_TRUE(mapped.ends_with(" (deleted)")) << mapped;
      // So the kernel calls memory without a file.
      const bool none = mapped.starts_with("/dev/zero") || mapped.starts_with("/SYSV");
      ++(none ? others : files);
    }
    EXPECT_GT(files + others, 0);
    EXPECT_EQ(files != 0, in_a_file.contains(name));
  }
}

}  // namespace
}  // namespace ipc
