// SPDX-License-Identifier: MIT
// A connection over a stream socket, as unix_socket and tcp have it: frames as in stream.h.
#pragma once

#include "impl/manager/backend.h"
#include "impl/os/stream.h"
#include "impl/os/unique_fd.h"

namespace ipc {

class StreamLink final : public Link {
 public:
  explicit StreamLink(UniqueFd socket) : socket_(std::move(socket)), reader_(kLongestMessage) {
    ignore_sigpipe();
  }

  Status send(std::span<const std::byte> message) override {
    return write_frame(socket_.get(), message, Deadline::never());
  }
  Status receive(Buffer& message) override;
  void limit(std::size_t most, std::optional<std::chrono::seconds> patience) override {
    reader_.set_most(most);
    patience_ = patience;
  }
  int hang_up_fd() const override { return socket_.get(); }

 private:
  UniqueFd socket_;
  FrameReader reader_;
  std::optional<std::chrono::seconds> patience_;
};

// The next one that comes to a listening socket; none when it has gone again, or after a moment's
// wait where an error passes, such as no more descriptors or one of the network's. Throws
// std::system_error where nobody can come.
UniqueFd accept_socket(const UniqueFd& listener);
std::unique_ptr<Link> accept_link(const UniqueFd& listener,
                                  const std::function<void(const UniqueFd&)>& prepare);

// What the traits of such managers have in common.
Traits stream_link_traits(std::string summary, std::string source);

}  // namespace ipc
