// SPDX-License-Identifier: MIT
// What the sanitizers cannot judge: libraries that were not compiled for them. And what they need.
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
// Their locks and atomics are not seen.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libzmq.so\n"
         "called_from_lib:/proc/*/fd/\n"    // a copy of nng (impl/os/nng_socket.h)
         "race:ipc::NngSocket::Arrival\n";  // called back by it
}
#endif
#ifdef __SANITIZE_ADDRESS__
// A connection that nng was still accepting when its socket was closed stays allocated.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:/proc/*/fd/\n"; }

// Freed memory that is held back is copied, page table by page table, with every fork: 256 MB of it
// would take as long as all else.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=8"; }

// A fork that ends by exit() has what its parent's other threads hold, but not those threads: all
// of that would be taken for leaks.
static const pid_t the_program = getpid();
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return getpid() != the_program ? 1 : 0; }
#endif
