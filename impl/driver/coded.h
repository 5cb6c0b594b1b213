// SPDX-License-Identifier: MIT
// An endpoint that carries objects instead of bytes: what a message of the typed API costs on top
// of its transport, and one copy more, for the loops want the bytes in their own buffer. Each
// message becomes an ipc::Object, is encoded and sent; received, decoded, and its bytes are handed
// out.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "impl/codec/msgpack.h"
#include "impl/codec/object.h"
#include "impl/os/buffer.h"
#include "impl/os/status.h"

namespace ipc {

template <class Endpoint>
class Coded {
 public:
  explicit Coded(Endpoint& transport) : transport_(transport) {}

  Status send(std::span<const std::byte> message) {
    encoded_.clear();
    encode(Object::bytes(message), encoded_);
    return transport_.send(encoded_);
  }

  Status receive(Buffer& message) {
    if (Status s = transport_.receive(received_); s != Status::ok) return s;
    const Object object = decode<Object>(received_.bytes());
    const std::span<const std::byte> bytes = object.as_bytes();
    message.resize(bytes.size());
    std::memcpy(message.data(), bytes.data(), bytes.size());
    return Status::ok;
  }

 private:
  Endpoint& transport_;
  std::vector<std::byte> encoded_;
  Buffer received_;
};

}  // namespace ipc
