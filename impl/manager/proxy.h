// SPDX-License-Identifier: MIT
// Proxy: stands for an object in the server of a manager, as Python's BaseProxy. Proxies of the
// types that every manager has are in proxies.h; one of a type of your own is used by call():
//
//   ipc::Proxy counter = manager.create("Counter", {5});
//   counter.call("increment", {2});
//
// Who may call: any thread of any process that has it. A call is one request and its reply; it
// throws what the operation throws in the server, RemoteError for what has no type here, ServerGone
// when the server has ended, ValueError for an argument that cannot be encoded.
//
// A plain value: copies are of the same object, and equal. A process holds a reference as long as
// it has a copy; a forked child has one of its own, until it ends. The server drops an object when
// nobody holds it and no other object contains a proxy of it. A process that is killed holds
// nothing any more.
//
// In messages: a proxy can be an item of an Object, a task's argument or all of a message, also in
// the objects of managers; who gets it holds a reference from then on. It must know the key of the
// manager: it is forked from a process that did (authkey()), or has connected with it. It reaches
// the server by the address by which it has connected; who has not, by the server's own one. What
// has been sent does not keep the object until it is received: then its calls throw RemoteError.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "impl/codec/handle.h"
#include "impl/codec/object.h"
#include "impl/manager/errors.h"
#include "impl/os/deadline.h"

namespace ipc {
class AnyStore;
namespace detail {
class Reference;
}

class Proxy {
 public:
  // Of what was received. Throws TypeError for the handle of something else.
  Proxy(Handle handle);

  Object call(std::string_view operation, Object::List arguments = {},
              Deadline deadline = Deadline::never()) const;
  const std::string& type() const;  // the name it was created by
  std::string str() const;          // the object's text; for types that have "str"

  Handle handle() const { return handle_; }
  operator Handle() const { return handle_; }
  friend bool operator==(const Proxy& a, const Proxy& b) { return a.is_of_same(b); }
  friend std::ostream& operator<<(std::ostream& out, const Proxy& proxy);

 protected:
  // Throws TypeError when it is of another type.
  Proxy(Handle handle, std::string_view type);

 private:
  friend class Batch;
  const std::shared_ptr<AnyStore>& store() const;
  std::uint64_t number() const;  // of the object, in its server
  bool is_of_same(const Proxy& other) const;

  Handle handle_;
  std::shared_ptr<const detail::Reference> reference_;
};

}  // namespace ipc
