// SPDX-License-Identifier: MIT
// The entry of libFuzzer (README, Layout).
#include "impl/fuzz/request.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ipc::fuzz::feed_requests(std::as_bytes(std::span(data, size)));
  return 0;
}
