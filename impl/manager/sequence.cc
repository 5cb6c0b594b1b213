// SPDX-License-Identifier: MIT
#include "impl/manager/sequence.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

namespace ipc::detail {
namespace {

// Every int and float, exactly: 64 bits of mantissa. None: no number.
std::optional<long double> number_of(const Object& object) {
  return object.visit([]<class T>(const T& value) -> std::optional<long double> {
    if constexpr (std::is_arithmetic_v<T>) return static_cast<long double>(value);
    return std::nullopt;
  });
}

// As slice.indices does.
std::int64_t bound(const Object& given, std::int64_t size, std::int64_t by, std::int64_t none) {
  if (given.is_none()) return none;
  if (!given.is_integer()) {
    throw TypeError("slice indices must be integers or None, not " +
                    std::string(given.type_name()));
  }
  std::int64_t place = given.as_integer();
  if (place < 0) place = std::max<std::int64_t>(place, -size - 1) + size;
  const std::int64_t lowest = by < 0 ? -1 : 0;
  return std::clamp(place, lowest, by < 0 ? size - 1 : size);
}

bool less_items(const Object::List& a, const Object::List& b) {
  const auto [first, second] = std::ranges::mismatch(a, b);
  if (first == a.end() || second == b.end()) return a.size() < b.size();
  return less(*first, *second);
}

}  // namespace

std::size_t place_of(const Object& index, std::size_t size, const std::string& out_of_range) {
  if (!index.is_integer()) {
    throw TypeError("indices must be integers or slices, not " + std::string(index.type_name()));
  }
  const auto count = static_cast<std::int64_t>(size);
  const std::int64_t place = index.as_integer();
  if (place >= count || place < -count) throw IndexError(out_of_range);
  return static_cast<std::size_t>(place < 0 ? place + count : place);
}

std::size_t cut_place(const Object& index, std::size_t size, std::size_t otherwise) {
  const auto count = static_cast<std::int64_t>(size);
  return static_cast<std::size_t>(bound(index, count, 1, static_cast<std::int64_t>(otherwise)));
}

std::size_t place_of_first(const Object& value, const Items& items, const Object& start,
                           const Object& stop) {
  const std::size_t end = cut_place(stop, items.size(), items.size());
  for (std::size_t place = cut_place(start, items.size(), 0); place < end; ++place) {
    if (items[place] == value) return place;
  }
  throw ValueError(repr(value) + " is not in list");
}

Slice::Slice(const Object& start, const Object& stop, const Object& step, std::size_t size) {
  by = step.is_none() ? 1 : step.as_integer();
  if (by == 0) throw ValueError("slice step cannot be zero");
  const auto length = static_cast<std::int64_t>(size);
  begin = bound(start, length, by, by < 0 ? length - 1 : 0);
  const std::int64_t end = bound(stop, length, by, by < 0 ? -1 : length);
  by = std::clamp(by, -length - 2, length + 2);  // so that no place overflows; 1 stays what is 1
  if (by > 0) {
    count = begin < end ? static_cast<std::size_t>((end - begin - 1) / by + 1) : 0;
  } else {
    count = end < begin ? static_cast<std::size_t>((begin - end - 1) / -by + 1) : 0;
  }
}

Items slice(const Items& items, const Slice& which) {
  Items taken;
  taken.reserve(which.count);
  for (std::size_t i = 0; i < which.count; ++i) taken.push_back(items[which.place(i)]);
  return taken;
}

void set_slice(Items& items, const Slice& which, Items values) {
  if (which.by == 1) {
    const auto first = items.begin() + which.begin;
    const auto place = items.erase(first, first + static_cast<std::ptrdiff_t>(which.count));
    items.insert(place, std::make_move_iterator(values.begin()),
                 std::make_move_iterator(values.end()));
    return;
  }
  if (values.size() != which.count) {
    throw ValueError("attempt to assign sequence of size " + std::to_string(values.size()) +
                     " to extended slice of size " + std::to_string(which.count));
  }
  for (std::size_t i = 0; i < which.count; ++i) items[which.place(i)] = std::move(values[i]);
}

void delete_slice(Items& items, const Slice& which) {
  std::vector<bool> is_deleted(items.size());
  for (std::size_t i = 0; i < which.count; ++i) is_deleted[which.place(i)] = true;
  std::size_t place = 0;
  std::erase_if(items, [&](const Object&) { return is_deleted[place++]; });
}

Items items_of(Object object) {
  if (object.is_list()) return std::move(object.as_list());
  if (object.is_tuple()) return object.as_tuple();
  throw TypeError("'" + std::string(object.type_name()) + "' object is not a list or tuple");
}

bool less(const Object& a, const Object& b) {
  const std::optional<long double> x = number_of(a);
  const std::optional<long double> y = number_of(b);
  if (x && y) return *x < *y;
  if (a.is_text() && b.is_text()) return a.as_text() < b.as_text();  // UTF-8 orders as Unicode does
  if (a.is_bytes() && b.is_bytes()) return a.as_bytes() < b.as_bytes();
  if (a.is_list() && b.is_list()) return less_items(a.as_list(), b.as_list());
  if (a.is_tuple() && b.is_tuple()) return less_items(a.as_tuple(), b.as_tuple());
  throw TypeError("'<' not supported between instances of '" + std::string(a.type_name()) +
                  "' and '" + std::string(b.type_name()) + "'");
}

}  // namespace ipc::detail
