// SPDX-License-Identifier: MIT
#include "impl/codec/handle.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "impl/os/error.h"
#include "impl/os/resharer.h"
#include "impl/os/unique_fd.h"

namespace ipc {

struct Handle::Content {
  std::string type;
  std::vector<std::byte> detail;
  std::vector<UniqueFd> descriptors;
  std::shared_ptr<const Hold> hold;
};

namespace {

constexpr std::size_t kLongestType = std::numeric_limits<unsigned char>::max();

// Nothing that could be taken for something else where it is printed.
bool is_type(std::string_view type) {
  return !type.empty() && type.size() <= kLongestType && std::ranges::all_of(type, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

std::map<std::string, detail::HoldOnArrival, std::less<>>& holds() {
  static std::map<std::string, detail::HoldOnArrival, std::less<>> all;
  return all;
}

}  // namespace

Handle::Handle(std::string type, std::vector<std::byte> detail, std::vector<UniqueFd> descriptors,
               std::shared_ptr<const Hold> hold)
    : content_(std::make_shared<const Content>(
          Content{std::move(type), std::move(detail), std::move(descriptors), std::move(hold)})) {
  if (!is_type(content_->type)) {
    throw ValueError("the type of a handle is a name of at most 255 letters, digits, '.' and '_'");
  }
}

std::string_view Handle::type() const { return content_ ? content_->type : std::string_view(); }

std::span<const std::byte> Handle::detail() const {
  return content_ ? std::span<const std::byte>(content_->detail) : std::span<const std::byte>();
}

std::vector<UniqueFd> Handle::descriptors() const {
  std::vector<UniqueFd> copies;
  if (!content_) return copies;
  for (const UniqueFd& descriptor : content_->descriptors) copies.push_back(duplicate(descriptor));
  return copies;
}

std::shared_ptr<const Handle::Hold> Handle::hold() const {
  return content_ ? content_->hold : nullptr;
}

namespace detail {
namespace {

// Stands where there are no descriptors: none is fetched, from nobody. No ticket begins so, for the
// kernel's names are of digits.
constexpr std::byte kNoTicket[kTicketBytes] = {};

}  // namespace

void at_arrival(const std::string& type, HoldOnArrival hold) { holds().emplace(type, hold); }

// The length of the type, the type, the ticket, the detail.
std::vector<std::byte> handle_message(const Handle& handle) {
  const auto type = std::as_bytes(std::span(handle.type()));
  if (type.empty()) throw ValueError("a handle of nothing cannot be sent");
  std::vector<UniqueFd> descriptors = handle.descriptors();
  const std::vector<std::byte> ticket =
      descriptors.empty() ? std::vector<std::byte>(std::begin(kNoTicket), std::end(kNoTicket))
                          : share(std::move(descriptors));
  std::vector<std::byte> message;
  message.reserve(1 + type.size() + ticket.size() + handle.detail().size());
  message.push_back(static_cast<std::byte>(type.size()));
  message.insert(message.end(), type.begin(), type.end());
  message.insert(message.end(), ticket.begin(), ticket.end());
  message.insert(message.end(), handle.detail().begin(), handle.detail().end());
  return message;
}

namespace {

// The parts of what handle_message makes. Throws Error when it has not.
struct Parts {
  explicit Parts(std::span<const std::byte> message) {
    const std::size_t length = message.empty() ? 0 : std::to_integer<std::size_t>(message[0]);
    if (message.size() < 1 + length + kTicketBytes) throw Error("is too short");
    const auto name = message.subspan(1, length);
    type = {reinterpret_cast<const char*>(name.data()), name.size()};
    if (!is_type(type)) throw Error("has no name");
    ticket = message.subspan(1 + length, kTicketBytes);
    detail = message.subspan(1 + length + kTicketBytes);
  }

  std::string_view type;
  std::span<const std::byte> ticket;
  std::span<const std::byte> detail;
};

}  // namespace

Handle handle_of(std::span<const std::byte> message) {
  const Parts parts(message);
  const auto arrival = holds().find(parts.type);
  return {
      std::string(parts.type),
      {parts.detail.begin(), parts.detail.end()},
      std::ranges::equal(parts.ticket, kNoTicket) ? std::vector<UniqueFd>() : redeem(parts.ticket),
      arrival == holds().end() ? nullptr : arrival->second(parts.detail)};
}

void withdraw_handle(std::span<const std::byte> message) { unshare(Parts(message).ticket); }

}  // namespace detail
}  // namespace ipc
