// SPDX-License-Identifier: MIT
// nng_push_pull: nng push0 and pull0 sockets over unix sockets with abstract names, a broker
// between producers and consumers, which ask it for each message (brokered_queue.h). Kernel
// objects: the broker's process; in each user up to three sockets, nng's threads (some for each
// CPU) with their eventfds and epolls, and a private copy of the library; a shared page. Wait
// class: block. Source: nng_push(7), nng_pull(7), nng_ipc(7). Limits: a get is a round trip; all
// depends on the broker, which may take no others after one that is killed while it connects;
// descriptors may stay as with nng_pair.
#include "impl/os/nng_socket.h"
#include "impl/queue/brokered_queue.h"

namespace ipc {
namespace {

Traits traits() {
  Traits traits = brokered_queue_traits<NngSocket>(
      "nng push0 and pull0 over unix sockets, a broker between", "nng_push(7), nng_pull(7)");
  traits.available = NngLibrary::why_unavailable;
  traits.lets_go = false;
  // Its listener listens no more after a connection that closes while both introduce themselves.
  traits.killed.inside = AfterKill::hang;
  traits.on_kill += "; after one that is killed while it connects the broker may take no others";
  return traits;
}

const RegisterQueue<BrokeredQueue<NngSocket>> registered("nng_push_pull", traits());

}  // namespace
}  // namespace ipc
