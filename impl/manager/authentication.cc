// SPDX-License-Identifier: MIT
#include "impl/manager/authentication.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "impl/manager/errors.h"
#include "impl/os/error.h"

namespace ipc::detail {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kSize = 32;  // of a challenge and of a digest
using Block = std::array<std::byte, kSize>;

// REQUIRES: key is no longer than an int counts, as everything that is read from memory here.
Block digest(std::string_view key, std::span<const std::byte> text) {
  Block made;
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(made.data()), &size) == nullptr ||
      size != kSize) {
    throw Error("libcrypto has no HMAC-SHA256");
  }
  return made;
}

Block digest(std::string_view key, std::string_view role, const Block& client,
             const Block& server) {
  std::vector<std::byte> text(role.size());
  std::ranges::copy(std::as_bytes(std::span(role)), text.begin());
  text.insert(text.end(), client.begin(), client.end());
  text.insert(text.end(), server.begin(), server.end());
  return digest(key, text);
}

bool receive(Link& link, Block& block) {
  Buffer message;
  if (link.receive(message) != Status::ok || message.size() != block.size()) return false;
  std::ranges::copy(message.bytes(), block.begin());
  return true;
}

bool send(Link& link, const Block& block) { return link.send(block) == Status::ok; }

}  // namespace

// The server's challenge, the client's, the client's answer, the server's.
bool authenticate(Link& link, std::string_view key, Role role) {
  const bool is_client = role == Role::client;
  link.limit(kSize, kPatience);
  Block ours;
  Block theirs;
  fill_randomly(ours);
  if (is_client) {
    if (!receive(link, theirs)) throw ServerGone("the manager has ended, or is none");
    if (!send(link, ours)) return false;
  } else {
    if (!send(link, ours) || !receive(link, theirs)) return false;
  }
  const Block& client = is_client ? ours : theirs;
  const Block& server = is_client ? theirs : ours;
  const Block of_client = digest(key, "ipcbench client", client, server);
  const Block of_server = digest(key, "ipcbench server", client, server);
  Block answer;
  if (is_client && !send(link, of_client)) return false;
  if (!receive(link, answer)) return false;
  const Block& due = is_client ? of_server : of_client;
  if (CRYPTO_memcmp(answer.data(), due.data(), due.size()) != 0) return false;
  if (!is_client && !send(link, of_server)) return false;
  link.limit(kLongestMessage, std::nullopt);
  return true;
}

std::string password_for(std::string_view program, std::string_view key) {
  return hexadecimal(digest(key, std::as_bytes(std::span(program))));
}

std::string hexadecimal(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte each : bytes) {
    text += kDigits[std::to_integer<std::size_t>(each >> 4)];
    text += kDigits[std::to_integer<std::size_t>(each & std::byte{15})];
  }
  return text;
}

void fill_randomly(std::span<std::byte> bytes) {
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw_errno("getrandom");  // up to 256 bytes come whole
  }
}

}  // namespace ipc::detail
