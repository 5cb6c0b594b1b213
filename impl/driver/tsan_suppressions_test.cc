// SPDX-License-Identifier: MIT
// What ThreadSanitizer cannot judge: libraries that were not compiled for it, whose locks and
// atomics it does not see.
#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libzmq.so\n"
         "called_from_lib:/proc/*/fd/\n"    // a copy of nng (impl/os/nng_socket.h)
         "race:ipc::NngSocket::Arrival\n";  // called back by it
}
#endif
