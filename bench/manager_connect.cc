// SPDX-License-Identifier: MIT
// manager_connect: how often a second can a process connect to a manager's server, and leave it?
//
//   client --connect--> server     a message is: connect, prove on both sides that the key is
//   known,
//          <---call--->            one call, disconnect
//          --end------>
#include "bench/harness/manager_peers.h"

namespace ipc::bench {
namespace {

const RegisterQuestion registered([] {
  std::vector<Series> series;
  for (const auto& [name, entry] : ManagerRegistry::entries()) {
    for (const Placement placement : kPlacements) {
      series.push_back(manager_series(
          "manager_connect", entry, {}, {.clients = 1, .placement = placement},
          [](const ManagerServer& server) { return repeat([&server] { server.connect(); }); }));
    }
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
