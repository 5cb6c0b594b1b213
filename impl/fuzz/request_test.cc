// SPDX-License-Identifier: MIT
// The corpus of the fuzzer, and what comes of it by small changes, is decoded or refused.
#include "impl/fuzz/request.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

namespace ipc::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

std::vector<Bytes> corpus() {
  std::vector<Bytes> all;
  for (const auto& entry : std::filesystem::directory_iterator(IPCBENCH_CORPUS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    Bytes bytes;
    std::transform(std::istreambuf_iterator<char>(file), {}, std::back_inserter(bytes),
                   [](char each) { return static_cast<std::byte>(each); });
    all.push_back(std::move(bytes));
  }
  std::ranges::sort(all);
  return all;
}

TEST(FuzzedRequests, AreDecodedOrRefused) {
  const std::vector<Bytes> all = corpus();
  ASSERT_GE(all.size(), 10u);
  for (const Bytes& each : all) EXPECT_NO_THROW(feed_requests(each));
}

TEST(FuzzedRequests, AreDecodedOrRefusedWithSmallChanges) {
  std::mt19937 random(1);
  for (const Bytes& each : corpus()) {
    for (int change = 0; change < 80; ++change) {
      Bytes changed = each;
      for (int i = 0; i <= change % 4 && !changed.empty(); ++i) {
        const std::size_t place = random() % changed.size();
        const auto byte = static_cast<std::byte>(random());
        switch (random() % 3) {
          case 0:
            changed[place] = byte;
            break;
          case 1:
            changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(place), byte);
            break;
          default:
            changed.resize(place);
        }
      }
      EXPECT_NO_THROW(feed_requests(changed));
    }
  }
}

}  // namespace
}  // namespace ipc::fuzz
