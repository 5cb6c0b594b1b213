// SPDX-License-Identifier: MIT
// How the loops hand a message to an endpoint and take one from it: by copies, as objects, several
// at once, or built and read where it stands. `Out` sends the message of a tag, and at the end what
// it has kept back; `In` gives the next message, whose bytes stay until `done`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "impl/codec/encoding.h"
#include "impl/driver/payload.h"
#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

// Memory for messages whose pages are there already, so that no page fault is timed.
inline Buffer touched_buffer(std::size_t bytes) {
  Buffer buffer(bytes);
  fill_payload(buffer.bytes(), 0);
  return buffer;
}

// From a buffer of the sender's into one of the receiver's: what every endpoint can.
template <class Endpoint>
struct Copying {
  class Out {
   public:
    Out(Endpoint& end, std::size_t bytes) : end_(end), message_(touched_buffer(bytes)) {}
    Status send(std::uint64_t tag) {
      fill_payload(message_.bytes(), tag);
      return end_.send(message_.bytes());
    }
    Status flush() { return Status::ok; }

   private:
    Endpoint& end_;
    Buffer message_;
  };

  class In {
   public:
    In(Endpoint& end, std::size_t bytes) : end_(end), message_(touched_buffer(bytes)) {}
    Status receive(std::span<const std::byte>& message) {
      const Status status = end_.receive(message_);
      message = message_.bytes();
      return status;
    }
    void done() {}

   private:
    Endpoint& end_;
    Buffer message_;
  };
};

// What a message of the typed API costs on top of its transport: it becomes an ipc::Object, is
// encoded and copied; then decoded.
template <class Endpoint>
struct Coding {
  class Out {
   public:
    Out(Endpoint& end, std::size_t bytes) : end_(end), message_(touched_buffer(bytes)) {}
    Status send(std::uint64_t tag) {
      fill_payload(message_.bytes(), tag);
      encoded_.clear();
      encode(Object::bytes(message_.bytes()), encoded_);
      return end_.send(encoded_);
    }
    Status flush() { return Status::ok; }

   private:
    Endpoint& end_;
    Buffer message_;
    std::vector<std::byte> encoded_;
  };

  class In {
   public:
    In(Endpoint& end, std::size_t bytes) : end_(end), encoded_(touched_buffer(bytes)) {}
    Status receive(std::span<const std::byte>& message) {
      if (const Status status = end_.receive(encoded_); status != Status::ok) return status;
      object_ = decode<Object>(encoded_.bytes());
      message = object_.as_bytes();
      return Status::ok;
    }
    void done() {}

   private:
    Endpoint& end_;
    Buffer encoded_;
    Object object_;
  };
};

// Several at once, for an endpoint with send_batch and receive_batch (endpoint.h).
inline constexpr std::size_t kBatch = 16;

template <class Endpoint>
struct InBatches {
  class Out {
   public:
    Out(Endpoint& end, std::size_t bytes) : end_(end) {
      for (std::size_t i = 0; i < kBatch; ++i) {
        buffers_.push_back(touched_buffer(bytes));
        messages_.push_back(buffers_.back().bytes());
      }
    }
    Status send(std::uint64_t tag) {
      fill_payload(buffers_[filled_++].bytes(), tag);
      return filled_ == kBatch ? flush() : Status::ok;
    }
    Status flush() {
      std::size_t sent = 0;
      const auto batch = std::span(messages_).first(filled_);
      filled_ = 0;
      return end_.send_batch(batch, sent, Deadline::never());
    }

   private:
    Endpoint& end_;
    std::vector<Buffer> buffers_;
    std::vector<std::span<const std::byte>> messages_;
    std::size_t filled_ = 0;
  };

  class In {
   public:
    In(Endpoint& end, std::size_t bytes) : end_(end) {
      for (std::size_t i = 0; i < kBatch; ++i) buffers_.push_back(touched_buffer(bytes));
    }
    Status receive(std::span<const std::byte>& message) {
      if (next_ == received_) {
        next_ = received_ = 0;
        const Status status = end_.receive_batch(buffers_, received_, Deadline::never());
        if (status != Status::ok) return status;
      }
      message = buffers_[next_++].bytes();
      return Status::ok;
    }
    void done() {}

   private:
    Endpoint& end_;
    std::vector<Buffer> buffers_;
    std::size_t next_ = 0;
    std::size_t received_ = 0;
  };
};

// Built in the transport and read there, for an endpoint with reserve, commit, peek and release.
template <class Endpoint>
struct InPlace {
  class Out {
   public:
    Out(Endpoint& end, std::size_t bytes) : end_(end), bytes_(bytes) {}
    Status send(std::uint64_t tag) {
      std::span<std::byte> room;
      const Status status = end_.reserve(bytes_, room, Deadline::never());
      if (status != Status::ok) return status;
      fill_payload(room, tag);
      end_.commit();
      return Status::ok;
    }
    Status flush() { return Status::ok; }

   private:
    Endpoint& end_;
    const std::size_t bytes_;
  };

  class In {
   public:
    In(Endpoint& end, std::size_t) : end_(end) {}
    Status receive(std::span<const std::byte>& message) {
      return end_.peek(message, Deadline::never());
    }
    void done() { end_.release(); }

   private:
    Endpoint& end_;
  };
};

}  // namespace ipc
