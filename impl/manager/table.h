// SPDX-License-Identifier: MIT
// Dicts of a manager that no server keeps but a table of rows, such as a database's: what each
// operation of a dict does to the rows, once for all of them; a store that calls these, and its
// host.
//
// A table knows bytes; what they are of: canonical_key.h. Each call is one transaction, by the
// thread that calls. A dict is there as long as the store: nobody counts the references, so what is
// created and forgotten again and again takes room for ever.
//
// Who may open the files may do everything with them; nobody is asked for a key. They are their
// user's alone (0700, 0600).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "impl/manager/attached.h"
#include "impl/manager/backend.h"
#include "impl/os/mapping.h"
#include "impl/os/path_in_use.h"

namespace ipc {
class Arguments;
}

namespace ipc::detail {

// The rows of one dict, inside of a transaction. What it gives is there until the next change.
class Rows {
 public:
  using Span = std::span<const std::byte>;
  struct Row {
    Span key;
    Span value;
  };

  virtual ~Rows() = default;
  virtual std::optional<Span> find(Span key) = 0;
  // Behind the others; where the key is there, in its place. When there is no room it throws Error
  // and has changed nothing.
  virtual void put(Span key, Span value) = 0;
  virtual bool erase(Span key) = 0;  // false: there was none
  virtual void clear() = 0;
  virtual std::size_t size() = 0;
  virtual std::optional<Row> last() = 0;
  virtual void for_each(const std::function<void(Row)>& use) = 0;  // in the order of insertion
};

class TableStore : public AnyStore {
 public:
  using Use = std::function<Object(Rows&)>;

  using AnyStore::AnyStore;
  Object call(std::uint64_t object, std::string_view operation, Object::List arguments,
              Deadline deadline) final;

  // What `use` gives, or throws, with the rows of that dict; each in one transaction, which for
  // `change` it may begin again. Throws RemoteError when there is no such dict, ServerGone.
  virtual Object read(std::uint64_t dict, const Use& use) = 0;
  virtual Object change(std::uint64_t dict, const Use& use) = 0;
  // A new dict, of which there is nothing when `fill` throws.
  virtual std::uint64_t create(const Use& fill) = 0;

 private:
  Object create_dict(Object::List arguments);
  Object call_dict(std::uint64_t dict, std::string_view operation, Arguments& arguments);
  Object call_together(Object::List calls);
};

// As backend.h wants them.
std::vector<std::string> table_operations();
std::optional<std::string> why_no_shared_memory();  // of /dev/shm, for Traits::available
[[noreturn]] void throw_unknown_dict();
std::uint64_t first_dict();  // its number: none is of an earlier store at the same place

// Has made the files that `make` fills, and waits for the end, at which it removes them.
class TableHost final : public AnyHost {
 public:
  // Memory that begins with an Ended.
  using Make = std::function<Mapping(const PathInUse& path)>;

  TableHost(PathInUse path, const Make& make);
  std::string address() const override { return path_.path(); }
  void serve(Server& server, int creator) override;
  void leave() override { path_.let_go(); }
  void remove() noexcept override;

 private:
  PathInUse path_;
  Mapping memory_;
};

// `Store` is made of a place. `begin`: of the paths of stores that nobody has named.
template <class Store>
struct RegisterTable {
  RegisterTable(std::string name, Traits traits, PathInUse::Kind kind, const std::string& begin,
                TableHost::Make make) {
    ManagerRegistry::add({std::move(name), std::move(traits), table_operations(),
                          [kind, begin, make = std::move(make)](const std::string& address) {
                            return std::make_unique<TableHost>(
                                PathInUse::make(kind, address, begin), make);
                          },
                          [](const StorePlace& place, const std::string&) {
                            return std::make_shared<Store>(place);
                          }});
  }
};

}  // namespace ipc::detail
