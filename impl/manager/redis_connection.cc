// SPDX-License-Identifier: MIT
#include "impl/manager/redis_connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "impl/manager/errors.h"
#include "impl/manager/unix_listener.h"

namespace ipc::detail {
namespace {

constexpr std::chrono::seconds kPatience{10};  // with the first replies
constexpr std::size_t kChunk = 65536;          // bytes that are received at once
constexpr std::size_t kKept = 4 << 20;         // of memory between two sends

std::uint64_t number_in(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) return static_cast<std::uint64_t>(reply.integer);
  return reply.type == REDIS_REPLY_STRING ? std::strtoull(reply.str, nullptr, 10) : 0;
}

}  // namespace

RedisConnection::RedisConnection(const std::string& path, const std::string& password)
    : socket_(connect_to_path(path)), reader_(redisReaderCreate()) {
  if (!reader_) throw std::bad_alloc();
  append({"AUTH", password});
  append({"CLIENT", "ID"});
  append({"GET", kRedisNumber});
  std::array<RedisReply, 3> replies;
  bool is_there = send();
  for (RedisReply& each : replies) {
    if (is_there) each = receive(Deadline::after(kPatience));
    is_there = each != nullptr;
  }
  if (!is_there) throw ServerGone("the manager at " + path + " is gone");
  if (replies[0]->type == REDIS_REPLY_ERROR) {
    throw AuthenticationError("the manager at " + path + " has another key, or is none");
  }
  client_ = number_in(*replies[1]);
  server_ = number_in(*replies[2]);
}

// hiredis would make a copy of its own, in new memory each time: of 1 MiB that is milliseconds.
void RedisConnection::append(const Words& command) {
  const auto add = [this](std::string_view text) {
    unsent_.insert(unsent_.end(), text.begin(), text.end());
  };
  const auto add_size = [&add](std::string_view kind, std::size_t size) {
    add(kind);
    add(std::to_string(size));
    add("\r\n");
  };
  add_size("*", command.size());
  for (const std::string& each : command) {
    add_size("$", each.size());
    add(each);
    add("\r\n");
  }
}

bool RedisConnection::send() {
  std::size_t sent = 0;
  while (sent < unsent_.size()) {
    const ssize_t size =
        ::send(socket_.get(), unsent_.data() + sent, unsent_.size() - sent, MSG_NOSIGNAL);
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) sent += static_cast<std::size_t>(size);
  }
  unsent_.clear();
  if (unsent_.capacity() > kKept) unsent_.shrink_to_fit();
  return true;
}

RedisReply RedisConnection::receive(Deadline deadline) {
  std::array<char, kChunk> chunk;
  for (;;) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) return nullptr;
    if (reply != nullptr) return RedisReply(static_cast<redisReply*>(reply));
    if (!deadline.is_never() && poll_until(socket_.get(), POLLIN, deadline) <= 0) return nullptr;
    const ssize_t size = recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return nullptr;
    if (redisReaderFeed(reader_.get(), chunk.data(), static_cast<std::size_t>(size)) != REDIS_OK) {
      return nullptr;
    }
  }
}

}  // namespace ipc::detail
