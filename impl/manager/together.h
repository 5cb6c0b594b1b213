// SPDX-License-Identifier: MIT
// The calls of one request (batch.h), as if they were of one object of the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "impl/manager/referent.h"
#include "impl/manager/server.h"

namespace ipc::detail {

// One of the calls: an object, an operation, a list of arguments. Throws TypeError for what is
// none.
struct CallTogether {
  explicit CallTogether(Object call);

  std::uint64_t object;
  std::string operation;
  Arguments arguments;
};

// So many, one after the other: adds a list for each to `results`, of what `call` of its number
// gives, or of its error's name and text. Throws RemoteError behind the one with which they are too
// long for a message, and CallerGone.
void call_together(std::size_t count, Object::List& results,
                   const std::function<Object(std::size_t)>& call);

class Together final : public Referent {
 public:
  // What the client holds by that number; throws RemoteError for nothing.
  using Held = std::function<std::shared_ptr<Entry>(std::uint64_t)>;

  explicit Together(Held held) : held_(std::move(held)) {}

  // Each argument is a call. Gives the list of what call_together adds, and throws as that does;
  // TypeError before the first call when one is none.
  Object call(std::string_view operation, Arguments& arguments, Caller& caller) override;
  void undelivered(std::string_view operation, Arguments& arguments, Object&& results) override;

 private:
  struct Call : CallTogether {
    using CallTogether::CallTogether;
    std::shared_ptr<Entry> entry;  // none where it has failed
  };

  Object result_of(Call& call, Caller& caller) const;
  void undo(Object::List& results);

  const Held held_;
  std::vector<Call> calls_;
};

}  // namespace ipc::detail
