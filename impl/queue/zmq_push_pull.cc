// SPDX-License-Identifier: MIT
// zmq_push_pull: ZeroMQ PUSH and PULL sockets over unix sockets with abstract names, a broker
// between producers and consumers, which ask it for each message (brokered_queue.h). Kernel
// objects: the broker's process; in each user up to three sockets, two threads and their eventfds
// and epolls for each; a shared page. Wait class: block. Source: zmq_socket(3), zmq_ipc(7). Limit:
// a get is a round trip; all depends on the broker.
#include "impl/os/zmq_socket.h"
#include "impl/queue/brokered_queue.h"

namespace ipc {
namespace {

const RegisterQueue<BrokeredQueue<ZmqSocket>> registered(
    "zmq_push_pull",
    brokered_queue_traits<ZmqSocket>("ZeroMQ PUSH and PULL over ipc://, a broker between",
                                     "zmq_socket(3), zmq_ipc(7)"));

}  // namespace
}  // namespace ipc
