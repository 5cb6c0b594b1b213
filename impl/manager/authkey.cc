// SPDX-License-Identifier: MIT
#include "impl/manager/authkey.h"

#include <pthread.h>

#include <mutex>
#include <span>

#include "impl/manager/authentication.h"

namespace ipc {
namespace {

std::mutex mutex;
std::string key;

// REQUIRES: the lock is held.
void settle() {
  if (!key.empty()) return;
  key.resize(32);
  detail::fill_randomly(std::as_writable_bytes(std::span(key)));
}

// At a fork at the latest: a child has the key of its parent, whoever of the two asks first.
const int registered = pthread_atfork(
    [] {
      mutex.lock();
      settle();
    },
    [] { mutex.unlock(); }, [] { mutex.unlock(); });

}  // namespace

std::string authkey() {
  const std::lock_guard hold(mutex);
  settle();
  return key;
}

void set_authkey(std::string new_key) {
  const std::lock_guard hold(mutex);
  key = std::move(new_key);
}

}  // namespace ipc
