// SPDX-License-Identifier: MIT
// Batch: calls of objects of one manager that go to its server in one message, and whose results
// come back in one.
//
//   ipc::Batch batch;
//   batch.call(d, "set", {"x", 1});
//   const std::size_t last = batch.call(l, "pop", {-1});
//   const ipc::BatchResults results = batch.run();
//   results.check();                    // throws what the first of them has thrown that failed
//   ipc::Object item = results.get(last);
//
// The server does one after the other in the order in which they were added, also where one before
// has failed; what others call may come between. One that waits holds up those behind it, until
// the batch's deadline. What it took and its client does not get goes back, as of single calls, but
// not to an object of which the batch calls release or task_done as well. Operations are named as
// in proxies.cc and proxies.h: "set", "get", "append", "put", ... For one thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "impl/codec/object.h"
#include "impl/manager/proxy.h"
#include "impl/os/deadline.h"

namespace ipc {

class BatchResults {
 public:
  std::size_t size() const { return replies_.size(); }
  // What the call of that number has given. Throws what it has thrown, IndexError when there is no
  // such call.
  Object get(std::size_t number) const;
  void check() const;  // throws what the first that failed has thrown

 private:
  friend class Batch;
  explicit BatchResults(Object::List replies) : replies_(std::move(replies)) {}

  Object::List replies_;  // as Together gives them
};

class Batch {
 public:
  // Gives the number of the call. Throws ValueError when the object is of another manager than
  // those before.
  std::size_t call(const Proxy& proxy, std::string_view operation, Object::List arguments = {});
  std::size_t size() const { return calls_.size(); }

  // It is empty then, whatever becomes of it. Throws ServerGone, RemoteError when the results are
  // too long for a message (calls behind are not done then), ValueError when the calls are, or an
  // argument cannot be encoded.
  BatchResults run(Deadline deadline = Deadline::never());

 private:
  std::vector<Proxy> called_;  // each is held until its call is done
  Object::List calls_;
};

}  // namespace ipc
