// SPDX-License-Identifier: MIT
#include "impl/manager/canonical_key.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "impl/codec/encoding.h"
#include "impl/codec/parts.h"

namespace ipc::detail {
namespace {

Object canonical_number(double value) {
  if (std::isnan(value)) return std::numeric_limits<double>::quiet_NaN();
  if (value != std::floor(value)) return value;
  if (value >= -0x1p63 && value < 0x1p63) return static_cast<std::int64_t>(value);
  if (value >= 0x1p63 && value < 0x1p64) return static_cast<std::uint64_t>(value);
  return value;
}

Object canonical(const Object& key) {
  if (key.is_bool()) return std::int64_t{key.as_bool()};
  if (key.is_real()) return canonical_number(key.as_real());
  if (!key.is_tuple()) return key;
  Object::List items;
  for (const Object& item : key) items.push_back(canonical(item));
  return Object::tuple(std::move(items));
}

}  // namespace

void refuse_handles(const Object& value) {
  for_each_part(value, [](const Object& part) {
    if (!part.is_handle()) return;
    throw ValueError("'" + std::string(part.type_name()) +
                     "': no proxies and connections can be kept in this manager");
  });
}

void append_key(const Object& key, std::vector<std::byte>& out) {
  if (!key.is_hashable()) Object::Dict().contains(key);  // throws as every dict does
  refuse_handles(key);
  const bool is_itself = !key.is_bool() && !key.is_real() && !key.is_tuple();
  encode(is_itself ? key : canonical(key), out);
}

void append_stored(const Object& value, std::vector<std::byte>& out) {
  refuse_handles(value);
  encode(value, out);
}

}  // namespace ipc::detail
