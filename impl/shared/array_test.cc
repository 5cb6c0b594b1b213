// SPDX-License-Identifier: MIT
// What Python's users know of Array and RawArray.
#include "impl/shared/array.h"

#include <gtest/gtest.h>

#include <limits>
#include <mutex>
#include <numeric>
#include <set>
#include <vector>

#include "impl/os/error.h"
#include "impl/process/typed_api_test.h"

namespace ipc {
namespace {

using Ints = std::vector<int>;

// Of these, every kind: copied under a lock, read alone, without a lock.
class ArrayUnderLock : public testing::TestWithParam<std::string> {
 protected:
  SharedOptions options() const { return {.lock = GetParam()}; }
  Array<int> numbers(int count) const {
    Ints all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return Array<int>(std::span<const int>(all), options());
  }
};

TEST_P(ArrayUnderLock, IsZeroAlsoWhereAnotherHasBeen) {
  for (int i = 0; i < 3; ++i) {
    Array<int> zeros(1000, options());
    ASSERT_EQ(zeros.slice(), Ints(1000));
    for (int k = 0; k < 1000; ++k) zeros[k] = -1;
  }
}

TEST_P(ArrayUnderLock, HasItsLengthForEver) {
  EXPECT_EQ(Array<int>(0, options()).size(), 0u);
  EXPECT_EQ(Array<int>(0, options()).slice(), Ints());
  EXPECT_EQ(Array<int>({1, 2, 3}, options()).size(), 3u);
  EXPECT_EQ(Array<int>(7, options()).size(), 7u);
  EXPECT_THROW(Array<int>(-1, options()), ValueError);
  EXPECT_THROW(Array<double>(std::int64_t{1} << 61, options()), ValueError);
}

TEST_P(ArrayUnderLock, CountsFromBothEnds) {
  Array<int> array = numbers(5);
  array[-1] = 40;
  array[0] = array[4];
  EXPECT_EQ(array.slice(), (Ints{40, 1, 2, 3, 40}));
  EXPECT_EQ(array.get(-5), 40);
  for (const std::int64_t wrong : {5, -6, 100}) {
    EXPECT_THROW(array.get(wrong), IndexError);
    EXPECT_THROW(array.set(wrong, 1), IndexError);
    EXPECT_THROW(array[wrong], IndexError);
  }
}

struct Sliced {
  Slice slice;
  Ints of_ten;  // as CPython 3.11 has list(range(10))[slice]
};

const std::vector<Sliced>& slices() {
  static const std::vector<Sliced> all = {
      {{}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
      {{.start = 7}, {7, 8, 9}},
      {{.stop = 3}, {0, 1, 2}},
      {{.start = 2, .stop = 5}, {2, 3, 4}},
      {{.start = -3}, {7, 8, 9}},
      {{.stop = -8}, {0, 1}},
      {{.start = 5, .stop = 2}, {}},
      {{.start = -100, .stop = 100}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
      {{.start = 12}, {}},
      {{.step = 3}, {0, 3, 6, 9}},
      {{.start = 1, .stop = 9, .step = 4}, {1, 5}},
      {{.step = -1}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
      {{.start = 8, .stop = 2, .step = -2}, {8, 6, 4}},
      {{.start = 2, .stop = -100, .step = -1}, {2, 1, 0}},
      {{.start = 100, .step = -4}, {9, 5, 1}},
      {{.start = 2, .stop = 5, .step = -1}, {}},
      {{.step = 100}, {0}},
  };
  return all;
}

TEST_P(ArrayUnderLock, GivesSlices) {
  const Array<int> array = numbers(10);
  for (const auto& [slice, wanted] : slices()) EXPECT_EQ(array.slice(slice), wanted);
  EXPECT_THROW(array.slice({.step = 0}), ValueError);
  EXPECT_EQ(array.slice({.step = std::numeric_limits<std::int64_t>::min()}), Ints{9});
}

TEST_P(ArrayUnderLock, TakesSlices) {
  for (const auto& [slice, places] : slices()) {
    Array<int> array = numbers(10);
    Ints wanted = array.slice();
    Ints given;
    for (const int place : places) {
      given.push_back(100 + place);
      wanted[static_cast<std::size_t>(place)] = 100 + place;
    }
    array.set_slice(slice, std::span<const int>(given));
    EXPECT_EQ(array.slice(), wanted);
    given.push_back(0);
    EXPECT_THROW(array.set_slice(slice, std::span<const int>(given)), ValueError);
    EXPECT_EQ(array.slice(), wanted);
  }
}

TEST_P(ArrayUnderLock, IsIterated) {
  Array<int> array = numbers(4);
  Ints seen;
  for (const int element : array) seen.push_back(element);
  EXPECT_EQ(seen, (Ints{0, 1, 2, 3}));
  EXPECT_NE(std::ranges::find(array, 2), array.end());
  EXPECT_EQ(std::ranges::find(array, 7), array.end());
}

TEST_P(ArrayUnderLock, HoldsTexts) {
  Array<char> text("hello", options());
  EXPECT_EQ(text.value(), "hello");
  EXPECT_EQ(text.raw(), "hello");
  text.set_value("hi");
  EXPECT_EQ(text.value(), "hi");
  EXPECT_EQ(text.raw(), std::string("hi\0lo", 5));
  text.set_raw("HE");
  EXPECT_EQ(text.raw(), std::string("HE\0lo", 5));
  text.set_value("world");  // exactly: no NUL
  EXPECT_EQ(text.value(), "world");
  EXPECT_THROW(text.set_value("worlds"), ValueError);
  EXPECT_THROW(text.set_raw("worlds"), ValueError);
  EXPECT_EQ(Array<char>(4, options()).value(), "");
}

INSTANTIATE_TEST_SUITE_P(Locks, ArrayUnderLock,
                         testing::Values("none", "futex", "posix_sem", "latch"), backend_name);

TEST(ArrayOfProcesses, IsSharedInEveryMemory) {
  for (const auto& [name, entry] : MemoryRegistry::entries()) {
    if (entry.traits.available()) continue;
    Array<double> array(100'000, {.memory = name});
    RawArray<double> raw(100'000, name);
    Process child([&] {
      std::lock_guard hold(array);
      for (int i = 0; i < 100; ++i) array[i * 1000] = i;
      raw.data()[99'999] = 0.5;
    });
    child.start();
    EXPECT_EQ(end_of(child), 0);
    EXPECT_EQ(array[99'000], 99) << name;
    EXPECT_EQ(raw[-1], 0.5) << name;
  }
}

// One slice is one period of the lock: nobody sees half of one.
TEST(ArrayOfProcesses, IsSeenSliceBySlice) {
  for (const char* lock : {"futex", "latch", "pthread_robust"}) {
    Array<int> array(64, {.lock = lock});
    Running writer([&] {
      for (int i = 0;; ++i) array.set_slice({}, std::span<const int>(Ints(64, i)));
    });
    std::set<int> values;
    for (const Deadline hang = deadline_of(kHang); values.size() < 100 && !hang.passed();) {
      const Ints seen = array.slice();
      ASSERT_EQ(seen, Ints(64, seen.front())) << lock;
      values.insert(seen.front());
    }
    EXPECT_EQ(values.size(), 100u) << lock;
  }
}

// Nobody holds a raw array: what is between the elements of a slice is not touched.
TEST(ArrayOfProcesses, OfRawElementsSetsThoseOfASliceOnly) {
  RawArray<int> array(64);
  Running other([&] {
    for (;;) array.set_slice({.step = 2}, std::span<const int>(Ints(32, 7)));
  });
  for (int i = 1; i < 20'000; ++i) {
    array[1] = i;
    ASSERT_EQ(array[1], i);
  }
}

TEST(Array, IsMadeOfARawOne) {
  RawArray<int> raw{1, 2, 3};
  Array<int> array(raw);
  array[0] = 10;
  EXPECT_EQ(raw[0], 10);
  EXPECT_EQ(array.get_obj().slice(), (Ints{10, 2, 3}));
  RawArray<int> other = copy(raw);
  other[0] = 0;
  EXPECT_EQ(raw[0], 10);
}

TEST(Array, IsHeldOverSeveralAccesses) {
  Array<int> array(2);
  std::lock_guard hold(array);
  array[0] = 1;
  array[1] = array[0];
  std::thread([&] { EXPECT_FALSE(array.acquire(false)); }).join();
}

TEST(Array, TellsWhatALockCannotGuard) {
  Array<int> two({1, 2}, {.lock = "atomic"});
  two[1] = 5;
  EXPECT_EQ(two.slice(), (Ints{1, 5}));
  EXPECT_THROW(Array<int>(2, {.lock = "atomic"}).get_lock(), ValueError);
  EXPECT_THROW(Array<int>(3, {.lock = "atomic"}), ValueError);
}

}  // namespace
}  // namespace ipc
