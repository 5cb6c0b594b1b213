// SPDX-License-Identifier: MIT
#include "impl/pipe/pipe.h"

#include "impl/pipe/shared_pipe.h"

namespace ipc {

std::pair<Connection, Connection> Pipe(const PipeSpec& spec) {
  const PipeEntry& entry = PipeRegistry::get(spec.backend);
  require_usable(entry.kFamily, entry.name, entry.traits);
  const PipeOptions options{.duplex = spec.duplex, .capacity_bytes = spec.capacity_bytes};
  const auto pipe = std::make_shared<SharedPipe>(entry.name, entry.make(options));
  return {Connection(pipe, 0, true, spec.duplex), Connection(pipe, 1, spec.duplex, true)};
}

}  // namespace ipc
