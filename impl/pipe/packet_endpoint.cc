// SPDX-License-Identifier: MIT
#include "impl/pipe/packet_endpoint.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ipc {

PacketEndpoint::PacketEndpoint(UniqueFd in, UniqueFd out, LifetimeToken::Hold hold,
                               std::size_t packet_bytes)
    : in_(std::move(in)),
      out_(std::move(out)),
      hold_(std::move(hold)),
      out_fd_(out_ ? out_.get() : in_.get()),
      packet_bytes_(packet_bytes),
      overflow_(std::make_unique_for_overwrite<std::byte[]>(packet_bytes)) {
  if (hold_ && in_) watch_.emplace(hold_, in_.get(), EPOLLIN);
}

Status PacketEndpoint::give(std::span<iovec> parts, Deadline deadline) {
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  const int flags = MSG_NOSIGNAL | (deadline.is_never() ? 0 : MSG_DONTWAIT);
  for (;;) {
    if (sendmsg(out_fd_, &packet, flags) >= 0) return Status::ok;
    switch (errno) {
      case EINTR:
        break;
      case EAGAIN: {
        const int reported = poll_until(out_fd_, POLLOUT, deadline);
        if (reported == 0) return Status::timed_out;
        if (reported < 0) return Status::system_error;
        break;
      }
      case EPIPE:
      case ECONNREFUSED:  // of datagrams, at first
      case ENOTCONN:      // and from then on
        return Status::closed;
      case ECONNRESET:  // mentioned once, and EPIPE from then on
        reset_.store(true, std::memory_order_relaxed);
        break;
      default:
        return Status::system_error;
    }
  }
}

Status PacketEndpoint::take(std::span<iovec> parts, Deadline deadline, std::size_t& size) {
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  const int flags = !watch_ && deadline.is_never() ? 0 : MSG_DONTWAIT;
  for (;;) {
    const ssize_t got = recvmsg(in_.get(), &packet, flags);
    if (got > 0) {
      size = static_cast<std::size_t>(got);
      return (packet.msg_flags & MSG_TRUNC) != 0 ? Status::corrupt : Status::ok;
    }
    if (got == 0) {
      return reset_.exchange(false, std::memory_order_relaxed) ? Status::peer_died : Status::closed;
    }
    switch (errno) {
      case EINTR:
        break;
      case ECONNRESET:  // mentioned once, before the messages that are still there
        reset_.store(true, std::memory_order_relaxed);
        break;
      case EAGAIN:
        if (Status s = wait_for_packet(deadline); s != Status::ok) return s;
        break;
      default:
        return Status::system_error;
    }
  }
}

Status PacketEndpoint::send_until(std::span<const std::byte> message, Deadline deadline) {
  if (message.size() > kMaxFrame) return Status::too_big;
  std::byte header[kFrameHeader];
  encode_frame_header(message.size(), header);
  // sendmsg only reads, the cast is the price of one struct for both directions.
  auto* payload = const_cast<std::byte*>(message.data());
  std::size_t sent = std::min(message.size(), packet_bytes_ - kFrameHeader);
  iovec parts[] = {{header, kFrameHeader}, {payload, sent}};
  Status status = give(parts, deadline);
  while (status == Status::ok && sent < message.size()) {
    const std::size_t size = std::min(message.size() - sent, packet_bytes_);
    iovec rest[] = {{payload + sent, size}};
    status = give(rest, Deadline::never());
    sent += size;
  }
  return status;
}

// The first packet goes where the message will most likely stay: its length is in it.
Status PacketEndpoint::receive_until(Buffer& message, Deadline deadline) {
  if (broken_) return Status::corrupt;
  std::byte header[kFrameHeader];
  const std::size_t room = message.capacity();
  iovec parts[] = {
      {header, kFrameHeader}, {message.data(), room}, {overflow_.get(), packet_bytes_}};
  std::size_t got;
  if (Status s = take(parts, deadline, got); s != Status::ok) return s;
  if (got < kFrameHeader) return Status::corrupt;
  got -= kFrameHeader;
  const std::int64_t length = decode_frame_header(header);
  if (length < 0 || got > static_cast<std::size_t>(length)) return Status::corrupt;
  const auto size = static_cast<std::size_t>(length);
  if (size <= room) {
    message.resize(size);
  } else {
    broken_ = true;  // if there is no memory for it
    Buffer larger(size);
    const std::size_t here = std::min(got, room);
    if (here != 0) std::memcpy(larger.data(), message.data(), here);
    std::memcpy(larger.data() + here, overflow_.get(), got - here);
    message = std::move(larger);
    broken_ = false;
  }
  while (got < size) {
    iovec rest[] = {{message.data() + got, size - got}};
    std::size_t more;
    const Status s = take(rest, Deadline::never(), more);
    if (s != Status::ok) return s == Status::closed ? Status::corrupt : s;
    got += more;
  }
  return Status::ok;
}

// closed: the end, as far as it is not for the transport to tell.
Status PacketEndpoint::wait_for_packet(Deadline deadline) const {
  if (watch_) return watch_->wait(deadline);
  const int reported = poll_until(in_.get(), POLLIN, deadline);
  if (reported > 0) return Status::ok;
  return reported == 0 ? Status::timed_out : Status::system_error;
}

Status PacketEndpoint::ready(Deadline deadline) const {
  const Status status = wait_for_packet(deadline);
  return status == Status::closed ? Status::ok : status;
}

int PacketEndpoint::wait_fd() const {
  if (watch_) return watch_->fd();
  return in_ ? in_.get() : hold_.fd();
}

}  // namespace ipc
