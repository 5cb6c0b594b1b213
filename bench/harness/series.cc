// SPDX-License-Identifier: MIT
#include "bench/harness/series.h"

#include "impl/os/affinity.h"

namespace ipc::bench {

std::size_t message_bytes(const Keys& keys) {
  constexpr std::size_t kCodecBytes = 5;  // msgpack's header of a bytes object
  return keys.bytes + (keys.carriage == Carriage::objects ? kCodecBytes : 0);
}

bool is_asked(const Traits& traits, Metric metric, const Keys& keys) {
  const bool one_pair = keys.producers <= 1 && keys.consumers <= 1;
  if (keys.bytes == kLineBytes) {
    return traits.wait_class == WaitClass::spin && one_pair && keys.carriage == Carriage::copies;
  }
  if (keys.bytes >= kHugeBytes) {
    return metric == Metric::throughput && one_pair && keys.carriage == Carriage::copies &&
           keys.placement != Placement::free;
  }
  if (keys.carriage == Carriage::copies) return true;
  if (!one_pair || keys.placement == Placement::free) return false;
  constexpr std::size_t kTypical = 64;
  constexpr std::size_t kSmall = 4096;
  constexpr std::size_t kLarge = 65536;
  switch (keys.carriage) {
    case Carriage::batches:
      return traits.batches && metric == Metric::throughput && keys.bytes <= kSmall;
    case Carriage::in_place:
      return traits.in_place;
    case Carriage::objects:
      return keys.bytes == kTypical || keys.bytes == kLarge;
    default:
      return true;
  }
}

std::vector<std::pair<std::string, std::string>> Series::named_keys() const {
  std::vector<std::pair<std::string, std::string>> named;
  if (keys.bytes != 0) named.emplace_back("bytes", std::to_string(keys.bytes));
  if (keys.carriage == Carriage::objects) named.emplace_back("codec", "msgpack");
  if (keys.carriage == Carriage::batches) named.emplace_back("op", "batch");
  if (keys.carriage == Carriage::in_place) named.emplace_back("op", "in_place");
  if (keys.op != nullptr) named.emplace_back("op", keys.op);
  if (keys.producers != 0) named.emplace_back("producers", std::to_string(keys.producers));
  if (keys.consumers != 0) named.emplace_back("consumers", std::to_string(keys.consumers));
  if (keys.clients != 0) named.emplace_back("clients", std::to_string(keys.clients));
  if (keys.processes != 0) named.emplace_back("processes", std::to_string(keys.processes));
  if (keys.placement) named.emplace_back("placement", to_string(*keys.placement));
  return named;
}

std::string Series::name() const {
  std::string name = question;
  if (!backend.empty()) name += "/" + backend;
  for (const auto& [key, value] : named_keys()) {
    name.append("/").append(key).append(":").append(value);
  }
  return name;
}

std::optional<std::string> reason_to_skip(const Traits& traits, const Keys& keys, int peers) {
  if (auto reason = traits.available()) return reason;
  if (message_bytes(keys) > traits.max_message) {
    return "its messages have at most " + std::to_string(traits.max_message) + " bytes";
  }
  if (keys.carriage == Carriage::objects && !traits.transports)
    return "it makes its messages itself, there is nothing to encode";
  if (keys.producers > traits.producers) {
    return "it has at most " + std::to_string(traits.producers) + " producers";
  }
  if (keys.consumers > traits.consumers) {
    return "it has at most " + std::to_string(traits.consumers) + " consumers";
  }
  const int cpus = static_cast<int>(allowed_cpus().size());
  if (keys.placement == Placement::cross && cpus < 2) return "there is only one CPU to run on";
  if (traits.wait_class == WaitClass::spin) {
    if (keys.placement == Placement::same)
      return "a spinning peer would keep the CPU from the others";
    if (peers > cpus && keys.placement == Placement::cross) {
      return "there are more spinning peers than CPUs";
    }
  }
  return std::nullopt;
}

std::string_view to_string(Metric metric) {
  switch (metric) {
    case Metric::latency:
      return "latency";
    case Metric::throughput:
      return "throughput";
    case Metric::cost:
      return "cost";
    case Metric::floor:
      return "floor";
  }
  return "unknown";
}

std::string_view to_string(Placement placement) {
  switch (placement) {
    case Placement::same:
      return "same";
    case Placement::cross:
      return "cross";
    case Placement::free:
      return "free";
  }
  return "unknown";
}

}  // namespace ipc::bench
