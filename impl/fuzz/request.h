// SPDX-License-Identifier: MIT
// What a fuzzer feeds to a manager's server: any bytes, as the messages of one client that knows
// the key, to a server, to the decoders, and to an object of each type but pools. The test feeds
// the corpus and what is like it.
#pragma once

#include <cstddef>
#include <span>

namespace ipc::fuzz {

// Messages, each behind its length in two bytes, the low one first. Throws std::logic_error when
// what was accepted is not what was said, or a result cannot be sent back.
void feed_requests(std::span<const std::byte> bytes);

}  // namespace ipc::fuzz
