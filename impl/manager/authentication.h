// SPDX-License-Identifier: MIT
// Both ends of a connection prove to each other that they have the same key, and do not tell it:
// each sends a challenge of random bytes, each answers with the HMAC-SHA256 of both and of its
// role, so that no answer serves twice or for the other side.
//
// Any thread may call. Nothing longer than a digest is received before it is over, and each message
// of the other side must come within 10 s.
#pragma once

#include <string>
#include <string_view>

#include "impl/manager/backend.h"

namespace ipc::detail {

enum class Role { client, server };

// False when the other side has another key, or does not speak so: then the connection is of no
// use. A client throws ServerGone when there is no challenge.
bool authenticate(Link& link, std::string_view key, Role role);

// Made of the key for another program, which takes passwords alone: 64 hexadecimal digits, from
// which nobody finds the key.
std::string password_for(std::string_view program, std::string_view key);

std::string hexadecimal(std::span<const std::byte> bytes);

// Random bytes for keys, names and numbers. Throws std::system_error.
void fill_randomly(std::span<std::byte> bytes);

}  // namespace ipc::detail
