// SPDX-License-Identifier: MIT
#include "impl/manager/proxy.h"

#include <ostream>
#include <tuple>
#include <utility>

#include "impl/codec/msgpack.h"
#include "impl/manager/server.h"
#include "impl/manager/stores.h"

namespace ipc {
namespace detail {

// This process's hold on an object, for all copies of what came with it.
class Reference final : public Handle::Hold {
 public:
  // Where the server does not know the object any more, or is gone, the first call says so.
  Reference(std::shared_ptr<AnyStore> store, std::string type, std::uint64_t id)
      : keeper_(store->keeper()),
        store_(std::move(store)),
        type_(std::move(type)),
        id_(id),
        is_counted_(store_.get() == Replying::store() || count()) {}
  ~Reference() override {
    if (!is_counted_) return;
    try {
      store_->call(kServer, "release", {id_}, Deadline::never());
    } catch (const std::exception&) {  // nobody counts any more
    }
  }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  Object call(std::string_view operation, Object::List arguments, Deadline deadline) const {
    return store_->call(id_, operation, std::move(arguments), deadline);
  }
  const std::string& type() const { return type_; }
  const std::shared_ptr<AnyStore>& store() const { return store_; }
  std::uint64_t id() const { return id_; }
  bool is_of_same(const Reference& other) const {
    return store_->place() == other.store_->place() && id_ == other.id_;
  }

 private:
  bool count() const {
    try {
      store_->call(kServer, "refer", {id_}, Deadline::never());
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  // Goes last: it may end the server.
  const std::shared_ptr<void> keeper_;
  const std::shared_ptr<AnyStore> store_;
  const std::string type_;
  const std::uint64_t id_;
  const bool is_counted_;
};

namespace {

struct Detail {
  explicit Detail(std::span<const std::byte> bytes) {
    // Not as an Object: a handle in it would be one more level, without end.
    std::tie(place.backend, place.address, type, id) =
        decode<std::tuple<std::string, std::string, std::string, std::uint64_t>>(bytes);
    if (type.empty()) throw DecodeError(0, "a proxy has four parts");
  }

  StorePlace place;
  std::string type;
  std::uint64_t id;
};

// In the server of the object, that itself; elsewhere a reference.
std::shared_ptr<const Handle::Hold> hold_on_arrival(std::span<const std::byte> bytes) {
  Detail detail(bytes);
  Server* const server = Server::here();
  if (server != nullptr && server->place() == detail.place) return server->find(detail.id);
  return std::make_shared<Reference>(store_of_server(detail.place), std::move(detail.type),
                                     detail.id);
}

const bool registered = [] {
  at_arrival("Proxy", hold_on_arrival);
  return true;
}();

}  // namespace

Object proxy_of(const std::shared_ptr<AnyStore>& store, std::string_view type, std::uint64_t id) {
  const Replying scope(*store);
  return proxy_handle(store->place(), type, id,
                      std::make_shared<Reference>(store, std::string(type), id));
}

}  // namespace detail

Proxy::Proxy(Handle handle)
    : handle_(std::move(handle)),
      reference_(std::dynamic_pointer_cast<const detail::Reference>(handle_.hold())) {
  if (!reference_) {
    throw TypeError("expected a proxy, got a handle of '" + std::string(handle_.type()) + "'");
  }
}

Proxy::Proxy(Handle handle, std::string_view type) : Proxy(std::move(handle)) {
  if (this->type() != type) {
    throw TypeError("expected a proxy of a " + std::string(type) + ", got one of a " +
                    this->type());
  }
}

Object Proxy::call(std::string_view operation, Object::List arguments, Deadline deadline) const {
  return reference_->call(operation, std::move(arguments), deadline);
}

const std::string& Proxy::type() const { return reference_->type(); }

std::string Proxy::str() const { return call("str").as_text(); }

const std::shared_ptr<AnyStore>& Proxy::store() const { return reference_->store(); }
std::uint64_t Proxy::number() const { return reference_->id(); }

bool Proxy::is_of_same(const Proxy& other) const {
  return reference_->is_of_same(*other.reference_);
}

std::ostream& operator<<(std::ostream& out, const Proxy& proxy) { return out << proxy.str(); }

}  // namespace ipc
