// SPDX-License-Identifier: MIT
#include "impl/manager/table.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "impl/codec/encoding.h"
#include "impl/manager/authentication.h"
#include "impl/manager/canonical_key.h"
#include "impl/manager/protocol.h"
#include "impl/manager/referent.h"
#include "impl/manager/stores.h"
#include "impl/manager/together.h"

namespace ipc::detail {
namespace {

// What has been encoded for a call, before its transaction: this thread's memory, so that a call
// takes none of its own.
const Bytes& encoded_key(const Object& key) {
  thread_local Bytes bytes;
  bytes.clear();
  append_key(key, bytes);
  return bytes;
}
const Bytes& encoded_value(const Object& value) {
  thread_local Bytes bytes;
  bytes.clear();
  append_stored(value, bytes);
  return bytes;
}

using Encoded = std::vector<std::pair<Bytes, Bytes>>;
Encoded encoded(const Object::Dict& dict) {
  Encoded all(dict.size());
  std::size_t i = 0;
  for (const auto& [key, value] : dict) {
    append_key(key, all[i].first);
    append_stored(value, all[i++].second);
  }
  return all;
}

Object put_all(Rows& rows, const Encoded& all) {
  for (const auto& [key, value] : all) rows.put(key, value);
  return {};
}

// Each operation: of a store's dict, with arguments of which there are as many as it takes.
using Operation = Object (*)(TableStore& store, std::uint64_t dict, Arguments& given);

Object clear(TableStore& store, std::uint64_t dict, Arguments&) {
  return store.change(dict, [](Rows& rows) {
    rows.clear();
    return Object();
  });
}

Object contains(TableStore& store, std::uint64_t dict, Arguments& given) {
  const Bytes& key = encoded_key(given[0]);
  return store.read(dict, [&](Rows& rows) { return Object(rows.find(key).has_value()); });
}

Object::Dict copied(Rows& rows) {
  Object::Dict all;
  all.reserve(rows.size());
  rows.for_each([&](Rows::Row row) { all.set(decode(row.key), decode(row.value)); });
  return all;
}

Object copy(TableStore& store, std::uint64_t dict, Arguments&) {
  return store.read(dict, [](Rows& rows) { return Object::dict(copied(rows)); });
}

Object remove(TableStore& store, std::uint64_t dict, Arguments& given) {
  const Bytes& key = encoded_key(given[0]);
  return store.change(dict, [&](Rows& rows) {
    if (!rows.erase(key)) throw KeyError(repr(given[0]));
    return Object();
  });
}

Object get(TableStore& store, std::uint64_t dict, Arguments& given) {
  const Bytes& key = encoded_key(given[0]);
  return store.read(dict, [&](Rows& rows) {
    const auto value = rows.find(key);
    if (!value) throw KeyError(repr(given[0]));
    return decode(*value);
  });
}

Object get_or(TableStore& store, std::uint64_t dict, Arguments& given) {
  const Bytes& key = encoded_key(given[0]);
  return store.read(dict, [&](Rows& rows) {
    const auto value = rows.find(key);
    return value ? decode(*value) : given.take_or_none(1);
  });
}

// Of each row in their order.
template <class Part>
Object list_of(TableStore& store, std::uint64_t dict, const Part& part) {
  return store.read(dict, [&part](Rows& rows) {
    Object::List all;
    all.reserve(rows.size());
    rows.for_each([&](Rows::Row row) { all.push_back(part(row)); });
    return Object::list(std::move(all));
  });
}

Object item_of(Rows::Row row) {
  return Object::tuple(Object::pack(decode(row.key), decode(row.value)));
}

Object items(TableStore& store, std::uint64_t dict, Arguments&) {
  return list_of(store, dict, item_of);
}

Object keys(TableStore& store, std::uint64_t dict, Arguments&) {
  return list_of(store, dict, [](Rows::Row row) { return decode(row.key); });
}

Object values(TableStore& store, std::uint64_t dict, Arguments&) {
  return list_of(store, dict, [](Rows::Row row) { return decode(row.value); });
}

Object length(TableStore& store, std::uint64_t dict, Arguments&) {
  return store.read(dict, [](Rows& rows) { return Object(rows.size()); });
}

Object pop(TableStore& store, std::uint64_t dict, Arguments& given) {
  const Bytes& key = encoded_key(given[0]);
  return store.change(dict, [&](Rows& rows) {
    const auto value = rows.find(key);
    if (!value && given.size() == 2) return given[1];
    if (!value) throw KeyError(repr(given[0]));
    Object taken = decode(*value);
    rows.erase(key);
    return taken;
  });
}

Object popitem(TableStore& store, std::uint64_t dict, Arguments&) {
  return store.change(dict, [](Rows& rows) {
    const auto last = rows.last();
    if (!last) throw KeyError("'popitem(): dictionary is empty'");
    Object item = item_of(*last);
    rows.erase(Bytes(last->key.begin(), last->key.end()));  // it may not look into what it erases
    return item;
  });
}

Object set(TableStore& store, std::uint64_t dict, Arguments& given) {
  const Bytes& key = encoded_key(given[0]);
  const Bytes& value = encoded_value(given[1]);
  return store.change(dict, [&](Rows& rows) {
    rows.put(key, value);
    return Object();
  });
}

Object setdefault(TableStore& store, std::uint64_t dict, Arguments& given) {
  const Bytes& key = encoded_key(given[0]);
  const Object otherwise = given.take_or_none(1);
  const Bytes& value = encoded_value(otherwise);
  std::optional<Object> present;
  store.change(dict, [&](Rows& rows) {
    if (const auto found = rows.find(key)) {
      present = decode(*found);
    } else {
      rows.put(key, value);
    }
    return Object();
  });
  return present ? *std::move(present) : otherwise;
}

Object text(TableStore& store, std::uint64_t dict, Arguments& given) {
  return str(copy(store, dict, given));
}

// Where there is no room for all, a table that cannot take back has set those before.
Object update(TableStore& store, std::uint64_t dict, Arguments& given) {
  const Encoded all = encoded(given[0].as_dict());
  return store.change(dict, [&all](Rows& rows) { return put_all(rows, all); });
}

struct Exposed {
  std::string_view name;
  std::size_t least;  // of its arguments
  std::size_t most;
  Operation operation;
};

// Sorted by name.
constexpr std::array kOperations{Exposed{"clear", 0, 0, clear},
                                 Exposed{"contains", 1, 1, contains},
                                 Exposed{"copy", 0, 0, copy},
                                 Exposed{"delete", 1, 1, remove},
                                 Exposed{"get", 1, 1, get},
                                 Exposed{"get_or", 1, 2, get_or},
                                 Exposed{"items", 0, 0, items},
                                 Exposed{"keys", 0, 0, keys},
                                 Exposed{"length", 0, 0, length},
                                 Exposed{"pop", 1, 2, pop},
                                 Exposed{"popitem", 0, 0, popitem},
                                 Exposed{"set", 2, 2, set},
                                 Exposed{"setdefault", 1, 2, setdefault},
                                 Exposed{"str", 0, 0, text},
                                 Exposed{"update", 1, 1, update},
                                 Exposed{"values", 0, 0, values}};
static_assert(std::ranges::is_sorted(kOperations, {}, &Exposed::name));

}  // namespace

Object TableStore::call(std::uint64_t object, std::string_view operation, Object::List arguments,
                        Deadline) {
  if (object != kServer) {
    Arguments given(std::move(arguments));
    return call_dict(object, operation, given);
  }
  if (operation == "create") return create_dict(std::move(arguments));
  if (operation == kTogether) return call_together(std::move(arguments));
  if (operation == "refer" || operation == "release") return {};  // nobody counts
  if (operation == "address") return place().address;
  throw RemoteError("no operation '" + std::string(operation) + "' of the server");
}

Object TableStore::call_dict(std::uint64_t dict, std::string_view operation, Arguments& arguments) {
  const auto found = std::ranges::lower_bound(kOperations, operation, {}, &Exposed::name);
  if (found == kOperations.end() || found->name != operation) {
    throw RemoteError("no operation '" + std::string(operation) + "'");
  }
  arguments.require_count(found->least, found->most, operation);
  return found->operation(*this, dict, arguments);
}

// As the server does it (server.cc).
Object TableStore::create_dict(Object::List arguments) {
  if (arguments.size() != 2) throw TypeError("create takes a type and a list");
  const std::string type = arguments[0].as_text();
  if (type != "dict") throw RemoteError("no type '" + type + "' is registered");
  try {
    const Object::List& given = arguments[1].as_list();
    const Encoded all = given.empty() ? Encoded() : encoded(given[0].as_dict());
    return proxy_of(shared_from_this(), type,
                    create([&all](Rows& rows) { return put_all(rows, all); }));
  } catch (const ServerGone&) {
    throw;
  } catch (const std::exception& error) {
    const NamedError what = named(error);
    throw RemoteError(what.name == "RemoteError" ? what.text : what.name + ": " + what.text);
  }
}

// Each in a transaction of its own: what others call may come between, as in a server.
Object TableStore::call_together(Object::List calls) {
  std::vector<CallTogether> all;
  all.reserve(calls.size());
  for (Object& each : calls) all.emplace_back(std::move(each));
  Object::List results;
  results.reserve(all.size());
  std::optional<ServerGone> gone;
  const auto call_one = [&](std::size_t number) {
    CallTogether& call = all[number];
    if (call.object == kServer) throw_unknown_dict();
    try {
      return call_dict(call.object, call.operation, call.arguments);
    } catch (const ServerGone& error) {
      gone = error;
      throw CallerGone();
    }
  };
  try {
    detail::call_together(all.size(), results, call_one);
  } catch (const CallerGone&) {
    throw *gone;
  }
  return Object::list(std::move(results));
}

std::vector<std::string> table_operations() {
  std::vector<std::string> all;
  for (const Exposed& each : kOperations) all.push_back("dict." + std::string(each.name));
  all.emplace_back(kTogether);
  return all;
}

std::optional<std::string> why_no_shared_memory() {
  if (access("/dev/shm", W_OK) == 0) return std::nullopt;
  return "/dev/shm cannot be written to";
}

void throw_unknown_dict() { throw RemoteError("this client holds no such object: unknown id"); }

std::uint64_t first_dict() {
  std::uint64_t number = 0;
  fill_randomly(std::as_writable_bytes(std::span(&number, 1)));
  return (number >> 1) + 1;  // far from the last one
}

TableHost::TableHost(PathInUse path, const Make& make)
    : path_(std::move(path)), memory_([&] {
        try {
          return make(path_);
        } catch (...) {
          std::error_code ignored;
          std::filesystem::remove_all(path_.path(), ignored);
          throw;
        }
      }()) {}

void TableHost::serve(Server& server, int creator) {
  wait_for_end(server, creator);
  remove();
}

void TableHost::remove() noexcept {
  static_cast<Ended*>(memory_.address())->set();
  std::error_code ignored;
  std::filesystem::remove_all(path_.path(), ignored);
}

}  // namespace ipc::detail
