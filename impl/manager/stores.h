// SPDX-License-Identifier: MIT
// The stores of this process (backend.h), one for each place, and what a fork does with them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "impl/manager/backend.h"

namespace ipc::detail {

// The one of this process for that place. It has this process's key until it connects with another.
// Connects to nobody.
std::shared_ptr<AnyStore> store_of(const StorePlace& place);
// The one for a proxy in which a server has this name for itself: whose reply this thread is
// decoding, where that is of such a one, for servers on two machines may have the same name; else
// the last that has connected with such a one, by whatever address; else as store_of.
std::shared_ptr<AnyStore> store_of_server(const StorePlace& name);
// From now on that store is known by its server's own name, too.
void set_server_name(const StorePlace& name, std::weak_ptr<AnyStore> store);

// While this thread decodes a reply of that store, whose references are counted already.
class Replying {
 public:
  explicit Replying(AnyStore& store);
  ~Replying();
  Replying(const Replying&) = delete;
  Replying& operator=(const Replying&) = delete;

  static const AnyStore* store();  // none: this thread decodes no reply

 private:
  AnyStore* const before_;  // while one reply is decoded another may be: of a manager in the first
};

// A proxy of an object that the store has made just now.
Object proxy_of(const std::shared_ptr<AnyStore>& store, std::string_view type, std::uint64_t id);

}  // namespace ipc::detail
