// SPDX-License-Identifier: MIT
#include "impl/manager/proxies.h"

#include <pthread.h>

#include <mutex>

namespace ipc {
namespace {

bool is_negative(Timeout timeout) { return timeout && *timeout < 0; }

Deadline queue_deadline(bool block, Timeout timeout) {
  if (block && is_negative(timeout)) {
    throw ValueError("'timeout' must be a non-negative number");
  }
  return deadline_of(block, timeout);
}

// Of the local names of every NamespaceProxy: a fork waits meanwhile, so that no child has it
// locked by a thread that it does not have. What is replaced or taken out ends after it.
std::mutex local_mutex;
const int registered = pthread_atfork([] { local_mutex.lock(); }, [] { local_mutex.unlock(); },
                                      [] { local_mutex.unlock(); });

bool is_local(const std::string& name) { return name.starts_with('_'); }

AttributeError no_attribute(const std::string& name) {
  return AttributeError("'NamespaceProxy' object has no attribute " + repr(name));
}

}  // namespace

Object NamespaceProxy::get(std::string name) const {
  if (!is_local(name)) return call("get", Object::pack(std::move(name)));
  const std::lock_guard hold(local_mutex);
  const auto found = local_->find(name);
  if (found == local_->end()) throw no_attribute(name);
  return found->second;
}

void NamespaceProxy::set(std::string name, Object value) const {
  if (!is_local(name)) {
    call("set", Object::pack(std::move(name), std::move(value)));
    return;
  }
  Object old;
  const std::lock_guard hold(local_mutex);
  old = std::exchange((*local_)[std::move(name)], std::move(value));
}

void NamespaceProxy::del(std::string name) const {
  if (!is_local(name)) {
    call("delete", Object::pack(std::move(name)));
    return;
  }
  Local::node_type old;
  const std::lock_guard hold(local_mutex);
  old = local_->extract(name);
  if (old.empty()) throw no_attribute(name);
}

bool AcquirerProxy::acquire(bool block, Timeout timeout) const {
  if (!block && timeout) throw ValueError("can't specify a timeout for a non-blocking call");
  if (is_negative(timeout)) throw ValueError("timeout value must be a non-negative number");
  return call("acquire", {}, deadline_of(block, timeout)).as_bool();
}

bool SemaphoreProxy::acquire(bool block, Timeout timeout) const {
  if (block && is_negative(timeout)) timeout = 0;
  return AcquirerProxy::acquire(block, timeout);
}

bool ConditionProxy::wait(Timeout timeout) const {
  return call("wait", {}, deadline_of(timeout)).as_bool();
}

bool ConditionProxy::wait_for(const std::function<bool()>& predicate, Timeout timeout) const {
  const Deadline deadline = deadline_of(timeout);
  bool is_so = predicate();
  while (!is_so && !deadline.passed()) {
    call("wait", {}, deadline);
    is_so = predicate();
  }
  return is_so;
}

bool EventProxy::wait(Timeout timeout) const {
  return call("wait", {}, deadline_of(timeout)).as_bool();
}

std::size_t BarrierProxy::wait(Timeout timeout) const {
  return call("wait", {}, deadline_of(timeout)).as_unsigned();
}

void QueueProxy::put(Object item, bool block, Timeout timeout) const {
  call("put", Object::pack(std::move(item)), queue_deadline(block, timeout));
}

Object QueueProxy::get(bool block, Timeout timeout) const {
  return call("get", {}, queue_deadline(block, timeout));
}

}  // namespace ipc
