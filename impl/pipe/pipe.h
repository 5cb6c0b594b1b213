// SPDX-License-Identifier: MIT
// Pipe: two connected ends, as Python's multiprocessing has it, over any backend by name.
//
//   auto [a, b] = ipc::Pipe();             // both ends send and receive
//   ipc::Process child{[&] {
//     a.close();  // else b would never see the end: the child would hold a itself
//
//     b.send(Object::list({42, Object(), "hello"}));
//   }};
//   child.start();
//   b.close();
//   std::cout << a.recv();                 // [42, None, 'hello']
//
// A pipe is made before the processes that use it are forked; what a process is forked with, it can
// use. Nothing is left in the system when the last process ends. Ends: connection.h; waiting for
// many of them: wait.h.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <utility>

#include "impl/pipe/connection.h"
#include "impl/pipe/wait.h"

namespace ipc {

struct PipeSpec {
  bool duplex = true;                  // false: the first end receives, the second sends
  std::string backend = "shm_ring";    // CPython's are unix_stream, and os_pipe if not duplex
  std::size_t capacity_bytes = 65536;  // asked of each direction, where the backend counts bytes
};

// What is written at one end is read at the other. Throws ValueError for a backend that does not
// exist or carries nothing between processes, ipc::Error with the reason if it cannot be used here,
// std::system_error if set-up fails.
std::pair<Connection, Connection> Pipe(const PipeSpec& spec = {});
// Pipe(false) is one-way. Only a bool will do, so that no text is taken for one.
std::pair<Connection, Connection> Pipe(std::same_as<bool> auto duplex) {
  return Pipe(PipeSpec{.duplex = duplex});
}

}  // namespace ipc
