// SPDX-License-Identifier: MIT
// One cell of a question: its name, and how it is measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/team.h"
#include "impl/driver/traits.h"

namespace ipc::bench {

enum class Metric { latency, throughput, cost, floor };

// The coordinates of a cell, in the order in which names give them. Zero or empty: not in the name.
struct Keys {
  std::size_t bytes = 0;
  Carriage carriage = Carriage::copies;  // codec:msgpack, op:batch, op:in_place
  const char* op = nullptr;              // what a question tells apart by itself
  int producers = 0;
  int consumers = 0;
  int clients = 0;
  int processes = 0;
  std::optional<Placement> placement = {};
};

struct Series {
  std::string question;
  std::string backend;
  Keys keys;
  Metric metric = Metric::latency;
  std::string wait_class;           // empty for floors
  std::optional<std::string> skip;  // why this cell makes no sense here
  std::function<std::unique_ptr<Team>(const RunOptions&)> start;  // throws when it cannot be set up

  // The keys as names and the CSV have them, in their order.
  std::vector<std::pair<std::string, std::string>> named_keys() const;
  std::string name() const;  // pipe_latency/unix_stream/bytes:64/placement:cross
};

// The longest message that its peers hand to the transport.
std::size_t message_bytes(const Keys& keys);

// Why a cell of a backend makes no sense on this machine: the backend is unavailable, too few CPUs,
// a message over its maximum, more producers or consumers than it has, or a spinning peer that is
// bound to a CPU that it must share (where the scheduler decides, what comes of it is asked).
std::optional<std::string> reason_to_skip(const Traits& traits, const Keys& keys, int peers);

// The longest message that fits a cache line beside what announces it, as floor/cacheline_rtt has
// it.
inline constexpr std::size_t kLineBytes = 48;

// Longer than what the caches of one core hold, and by far than what a transport does.
inline constexpr std::size_t kHugeBytes = 16777216;

// What every question asks for.
inline constexpr std::size_t kSizes[] = {16,    kLineBytes, 64,         1024,          4096,
                                         65536, 1048576,    kHugeBytes, 4 * kHugeBytes};
inline constexpr Carriage kCarriages[] = {Carriage::copies, Carriage::objects, Carriage::batches,
                                          Carriage::in_place};
inline constexpr Placement kPlacements[] = {Placement::same, Placement::cross, Placement::free};

// Another carriage than copies costs a peer the same wherever it runs and however many run beside
// it: it is asked of one pair, where the placement is known. Objects are asked of a small and a
// large size, for an encoding costs by the byte. Batches are asked of backends that have them, for
// streams of small messages; building in place of those that can. A message of kLineBytes is asked
// of one pair that spins. A huge one is asked as a stream between one pair whose placement is
// known, copied: the time there is that of the bytes, whatever the rest.
bool is_asked(const Traits& traits, Metric metric, const Keys& keys);

std::string_view to_string(Metric metric);
std::string_view to_string(Placement placement);

}  // namespace ipc::bench
