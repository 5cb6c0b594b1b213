// SPDX-License-Identifier: MIT
// A connection to the Redis server of a manager: hiredis makes commands and reads replies, the
// socket is ours, so that a server that has ended sends no SIGPIPE and a fork leaves nothing open.
// For one thread at a time.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "impl/manager/redis_scripts.h"
#include "impl/os/deadline.h"
#include "impl/os/unique_fd.h"

namespace ipc::detail {

struct RedisDeleter {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};
using RedisReply = std::unique_ptr<redisReply, RedisDeleter>;

// The key of the server's number.
inline constexpr const char* kRedisNumber = "number";

class RedisConnection {
 public:
  // Throws std::system_error when nobody is there, AuthenticationError, ServerGone.
  RedisConnection(const std::string& path, const std::string& password);

  std::uint64_t server() const { return server_; }  // its number; 0: it has none yet
  std::uint64_t client() const { return client_; }  // the server's name for this connection

  // Any number of commands, send, then as many replies in their order. False, and no reply: the
  // server has gone, and the connection is of no use.
  void append(const Words& command);
  bool send();
  RedisReply receive(Deadline deadline = Deadline::never());

  // In a child: the thread that it had in the parent may have been anywhere inside of it.
  void close_only() { socket_.reset(); }

 private:
  UniqueFd socket_;
  std::unique_ptr<redisReader, RedisDeleter> reader_;
  std::vector<char> unsent_;
  std::uint64_t server_ = 0;
  std::uint64_t client_ = 0;
};

}  // namespace ipc::detail
