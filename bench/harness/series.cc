// SPDX-License-Identifier: MIT
#include "bench/harness/series.h"

#include "impl/os/affinity.h"

namespace ipc::bench {

std::size_t message_bytes(const Keys& keys) {
  constexpr std::size_t kCodecBytes = 5;  // msgpack's header of a bytes object
  return keys.bytes + (keys.objects ? kCodecBytes : 0);
}

std::string Series::name() const {
  std::string name = question;
  if (!backend.empty()) name += "/" + backend;
  const auto add = [&name](const char* key, const std::string& value) {
    name += std::string("/") + key + ":" + value;
  };
  if (keys.bytes != 0) add("bytes", std::to_string(keys.bytes));
  if (keys.objects) add("codec", "msgpack");
  if (keys.producers != 0) add("producers", std::to_string(keys.producers));
  if (keys.consumers != 0) add("consumers", std::to_string(keys.consumers));
  if (keys.placement) add("placement", std::string(to_string(*keys.placement)));
  return name;
}

std::optional<std::string> reason_to_skip(const Traits& traits, const Keys& keys, int peers) {
  if (auto reason = traits.available()) return reason;
  if (message_bytes(keys) > traits.max_message) {
    return "its messages have at most " + std::to_string(traits.max_message) + " bytes";
  }
  if (keys.objects && !traits.transports)
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
    if (peers > cpus) return "there are more spinning peers than CPUs";
  }
  return std::nullopt;
}

std::string_view to_string(Metric metric) {
  switch (metric) {
    case Metric::latency:
      return "latency";
    case Metric::throughput:
      return "throughput";
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
