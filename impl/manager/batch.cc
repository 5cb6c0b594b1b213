// SPDX-License-Identifier: MIT
#include "impl/manager/batch.h"

#include <string>

#include "impl/manager/backend.h"
#include "impl/manager/protocol.h"

namespace ipc {

Object BatchResults::get(std::size_t number) const {
  if (number >= replies_.size()) {
    throw IndexError("there are " + std::to_string(replies_.size()) + " results, none is number " +
                     std::to_string(number));
  }
  const Object::List& reply = replies_[number].as_list();
  if (reply.size() == 1) return reply[0];
  detail::throw_named({reply.at(0).as_text(), reply.at(1).as_text()});
}

void BatchResults::check() const {
  for (std::size_t i = 0; i < replies_.size(); ++i) {
    if (replies_[i].size() != 1) get(i);
  }
}

std::size_t Batch::call(const Proxy& proxy, std::string_view operation, Object::List arguments) {
  if (!called_.empty() && called_.front().store() != proxy.store()) {
    throw ValueError("a batch is of one manager, this object is another's");
  }
  calls_.push_back(
      Object::list(Object::pack(proxy.number(), operation, Object::list(std::move(arguments)))));
  called_.push_back(proxy);
  return calls_.size() - 1;
}

BatchResults Batch::run(Deadline deadline) {
  const std::vector<Proxy> called = std::exchange(called_, {});
  Object::List calls = std::exchange(calls_, {});
  if (called.empty()) return BatchResults({});
  Object replies =
      called.front().store()->call(detail::kServer, detail::kTogether, std::move(calls), deadline);
  if (replies.size() != called.size()) throw RemoteError("the server has not answered each call");
  return BatchResults(std::move(replies.as_list()));
}

}  // namespace ipc
