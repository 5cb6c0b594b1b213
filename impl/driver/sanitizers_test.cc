// SPDX-License-Identifier: MIT
// What the sanitizers cannot judge: libraries that were not compiled for them.
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
#endif
