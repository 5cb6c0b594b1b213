// SPDX-License-Identifier: MIT
// The calls of one request (batch.h), as if they were of one object of the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "impl/manager/referent.h"
#include "impl/manager/server.h"

namespace ipc::detail {

class Together final : public Referent {
 public:
  // What the client holds by that number; throws RemoteError for nothing.
  using Held = std::function<std::shared_ptr<Entry>(std::uint64_t)>;

  explicit Together(Held held) : held_(std::move(held)) {}

  // Each argument is a call: object, operation, list of arguments. Gives a list for each, of its
  // result, or of its error's name and text. Throws TypeError before the first call when one is
  // none, RemoteError behind the one with which the results are too long for a message.
  Object call(std::string_view operation, Arguments& arguments, Caller& caller) override;
  void undelivered(std::string_view operation, Arguments& arguments, Object&& results) override;

 private:
  struct Call {
    explicit Call(Object call);

    std::uint64_t object;
    std::string operation;
    Arguments arguments;
    std::shared_ptr<Entry> entry;  // none where it has failed
  };

  Object result_of(Call& call, Caller& caller) const;
  void undo(Object::List& results);

  const Held held_;
  std::vector<Call> calls_;
};

}  // namespace ipc::detail
