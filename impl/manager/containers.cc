// SPDX-License-Identifier: MIT
// Longer than most: a list and a dict have many operations, each of a few lines.
#include "impl/manager/containers.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <utility>

#include "impl/manager/guarded.h"
#include "impl/manager/sequence.h"

namespace ipc::detail {
namespace {

class ListReferent final : public Exposing<ListReferent>, Guarded {
 public:
  explicit ListReferent(Items items) : items_(std::move(items)) {}

  static const Methods<ListReferent>& methods() {
    using L = ListReferent;
    static const Methods<L> all{{"add", 1, 1, &L::add},
                                {"append", 1, 1, &L::append},
                                {"contains", 1, 1, &L::contains},
                                {"count", 1, 1, &L::count},
                                {"delete", 1, 1, &L::remove_at},
                                {"delete_slice", 3, 3, &L::remove_slice},
                                {"extend", 1, 1, &L::extend},
                                {"get", 1, 1, &L::get},
                                {"get_slice", 3, 3, &L::get_slice},
                                {"index", 1, 3, &L::index},
                                {"insert", 2, 2, &L::insert},
                                {"length", 0, 0, &L::length},
                                {"multiply", 1, 1, &L::multiply},
                                {"multiply_in_place", 1, 1, &L::multiply_in_place},
                                {"pop", 0, 1, &L::pop},
                                {"remove", 1, 1, &L::remove},
                                {"reverse", 0, 0, &L::reverse},
                                {"set", 2, 2, &L::set},
                                {"set_slice", 4, 4, &L::replace_slice},
                                {"sort", 0, 1, &L::sort},
                                {"str", 0, 0, &L::text}};
    return all;
  }
  // Back to its place, at the end where the list is shorter now.
  void undelivered(std::string_view, Arguments& given, Object&& result) override {
    if (!given.taken_from) return;
    const std::lock_guard hold(mutex_);
    const std::size_t place = std::min(*given.taken_from, items_.size());
    items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(place), std::move(result));
  }

 private:
  Object add(Arguments& given, Caller&) {
    if (!given[0].is_list()) {
      throw TypeError("can only concatenate list (not \"" + std::string(given[0].type_name()) +
                      "\") to list");
    }
    const std::lock_guard hold(mutex_);
    Items all = items_;
    all.insert(all.end(), given[0].begin(), given[0].end());
    return Object::list(std::move(all));
  }
  Object append(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    items_.push_back(given.take(0));
    return {};
  }
  Object contains(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return std::ranges::find(items_, given[0]) != items_.end();
  }
  Object count(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return std::ranges::count(items_, given[0]);
  }
  Object remove_at(Arguments& given, Caller&) {
    Object old;
    const std::lock_guard hold(mutex_);
    const std::size_t place =
        place_of(given[0], items_.size(), "list assignment index out of range");
    old = std::move(items_[place]);
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(place));
    return {};
  }
  Object remove_slice(Arguments& given, Caller&) {
    Items old;
    const std::lock_guard hold(mutex_);
    const Slice which(given[0], given[1], given[2], items_.size());
    old = slice(items_, which);
    delete_slice(items_, which);
    return {};
  }
  Object extend(Arguments& given, Caller&) {
    Items more = items_of(given.take(0));
    const std::lock_guard hold(mutex_);
    items_.insert(items_.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
    return {};
  }
  Object get(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return items_[place_of(given[0], items_.size(), "list index out of range")];
  }
  Object get_slice(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return Object::list(slice(items_, Slice(given[0], given[1], given[2], items_.size())));
  }
  Object index(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return place_of_first(given[0], items_, given.size() > 1 ? given[1] : Object(),
                          given.size() > 2 ? given[2] : Object());
  }
  Object insert(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    const std::size_t place = cut_place(given[0], items_.size(), 0);
    items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(place), given.take(1));
    return {};
  }
  Object length(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return items_.size();
  }
  Object multiply(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return Object::list(times(given[0].as_integer()));
  }
  Object multiply_in_place(Arguments& given, Caller&) {
    Items old;
    const std::lock_guard hold(mutex_);
    old = std::exchange(items_, times(given[0].as_integer()));
    return {};
  }
  Object pop(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    if (items_.empty()) throw IndexError("pop from empty list");
    const std::size_t place = given.size() == 0
                                  ? items_.size() - 1
                                  : place_of(given[0], items_.size(), "pop index out of range");
    Object taken = std::move(items_[place]);
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(place));
    given.taken_from = place;
    return taken;
  }
  Object remove(Arguments& given, Caller&) {
    Object old;
    const std::lock_guard hold(mutex_);
    const auto found = std::ranges::find(items_, given[0]);
    if (found == items_.end()) throw ValueError("list.remove(x): x not in list");
    old = std::move(*found);
    items_.erase(found);
    return {};
  }
  Object reverse(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    std::ranges::reverse(items_);
    return {};
  }
  Object set(Arguments& given, Caller&) {
    Object old;
    const std::lock_guard hold(mutex_);
    Object& item = items_[place_of(given[0], items_.size(), "list assignment index out of range")];
    old = std::exchange(item, given.take(1));
    return {};
  }
  Object replace_slice(Arguments& given, Caller&) {
    Items values = items_of(given.take(3));
    Items old;
    const std::lock_guard hold(mutex_);
    const Slice which(given[0], given[1], given[2], items_.size());
    old = slice(items_, which);
    set_slice(items_, which, std::move(values));
    return {};
  }
  Object sort(Arguments& given, Caller&) {
    const bool is_reverse = given.size() > 0 && given[0].as_bool();
    const std::lock_guard hold(mutex_);
    Items sorted = items_;  // the list is as it was when two cannot be compared
    if (is_reverse) {
      std::ranges::stable_sort(sorted, [](const Object& a, const Object& b) { return less(b, a); });
    } else {
      std::ranges::stable_sort(sorted, less);
    }
    items_ = std::move(sorted);
    return {};
  }
  Object text(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return str(Object::list(items_));
  }

  // No message could carry more.
  Items times(std::int64_t count) const {
    Items all;
    if (count <= 0 || items_.empty()) return all;
    if (static_cast<std::uint64_t>(count) > std::size_t{1} << 32 ||
        static_cast<std::uint64_t>(count) * items_.size() > std::size_t{1} << 28) {
      throw OverflowError("the list would be too long");
    }
    all.reserve(items_.size() * static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) all.insert(all.end(), items_.begin(), items_.end());
    return all;
  }

  Items items_;
};

class DictReferent final : public Exposing<DictReferent>,
                           public std::enable_shared_from_this<DictReferent>,
                           Guarded {
 public:
  explicit DictReferent(Object::Dict dict) : dict_(std::move(dict)) {}

  static const Methods<DictReferent>& methods() {
    using D = DictReferent;
    static const Methods<D> all{{"clear", 0, 0, &D::clear},  {"contains", 1, 1, &D::contains},
                                {"copy", 0, 0, &D::copy},    {"delete", 1, 1, &D::remove},
                                {"get", 1, 1, &D::get},      {"get_or", 1, 2, &D::get_or},
                                {"items", 0, 0, &D::items},  {"iterate", 0, 0, &D::iterate},
                                {"keys", 0, 0, &D::keys},    {"length", 0, 0, &D::length},
                                {"pop", 1, 2, &D::pop},      {"popitem", 0, 0, &D::popitem},
                                {"set", 2, 2, &D::set},      {"setdefault", 1, 2, &D::setdefault},
                                {"str", 0, 0, &D::text},     {"update", 1, 1, &D::update},
                                {"values", 0, 0, &D::values}};
    return all;
  }
  // Back to its place in the order, at the end where the dict is smaller now. Where its key has a
  // value again, that is the newer one.
  void undelivered(std::string_view operation, Arguments& given, Object&& result) override {
    if (!given.taken_from) return;
    const Object::Dict::Entry lost = operation == "popitem"
                                         ? Object::Dict::Entry(result[0], result[1])
                                         : Object::Dict::Entry(given[0], std::move(result));
    Object::Dict all;
    const std::lock_guard hold(mutex_);
    if (dict_.contains(lost.first)) return;
    all.reserve(dict_.size() + 1);
    for (const auto& [key, value] : dict_) {
      if (all.size() == *given.taken_from) all.set(lost.first, lost.second);
      all.set(key, value);
    }
    all.set(lost.first, lost.second);  // where it is there already this changes nothing
    std::swap(all, dict_);
  }

  // The key at a place, None after the last. Throws RuntimeError when the size is another.
  Object key_at(std::size_t place, std::size_t size) {
    const std::lock_guard hold(mutex_);
    if (dict_.size() != size) throw RuntimeError("dictionary changed size during iteration");
    return place >= size ? Object() : Object::tuple({dict_.begin()[place].first});
  }

 private:
  Object clear(Arguments&, Caller&) {
    Object::Dict old;
    const std::lock_guard hold(mutex_);
    std::swap(old, dict_);
    return {};
  }
  Object contains(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return dict_.contains(given[0]);
  }
  Object copy(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return Object::dict(dict_);
  }
  Object remove(Arguments& given, Caller&) {
    Object old;
    const std::lock_guard hold(mutex_);
    old = take(given[0]);
    return {};
  }
  Object get(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    const Object* const value = dict_.find(given[0]);
    if (value == nullptr) throw KeyError(repr(given[0]));
    return *value;
  }
  Object get_or(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    const Object* const value = dict_.find(given[0]);
    return value == nullptr ? given.take_or_none(1) : *value;
  }
  Object items(Arguments&, Caller&) {
    return list_of([](const auto& entry) { return Object::tuple({entry.first, entry.second}); });
  }
  Object keys(Arguments&, Caller&) {
    return list_of([](const auto& entry) { return entry.first; });
  }
  Object values(Arguments&, Caller&) {
    return list_of([](const auto& entry) { return entry.second; });
  }
  Object iterate(Arguments&, Caller& caller);
  Object length(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return dict_.size();
  }
  Object pop(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    const Object* const value = dict_.find(given[0]);
    if (value == nullptr && given.size() == 2) return given.take(1);
    if (value != nullptr) given.taken_from = place_of_value(*value);
    return take(given[0]);
  }
  Object popitem(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    if (dict_.empty()) throw KeyError("'popitem(): dictionary is empty'");
    given.taken_from = dict_.size() - 1;
    const Object key = (dict_.end() - 1)->first;
    return Object::tuple({key, take(key)});
  }
  Object set(Arguments& given, Caller&) {
    Object old;
    const std::lock_guard hold(mutex_);
    put(given.take(0), given.take(1), old);
    return {};
  }
  Object setdefault(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    if (const Object* const value = dict_.find(given[0])) return *value;
    Object value = given.take_or_none(1);
    dict_.set(given.take(0), value);
    return value;
  }
  Object text(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return str(Object::dict(dict_));
  }
  Object update(Arguments& given, Caller&) {
    Items old;
    const Object::Dict& more = given[0].as_dict();
    const std::lock_guard hold(mutex_);
    for (const auto& [key, value] : more) put(key, value, old.emplace_back());
    return {};
  }

  template <class Part>
  Object list_of(const Part& part) {
    const std::lock_guard hold(mutex_);
    Items all;
    all.reserve(dict_.size());
    for (const auto& entry : dict_) all.push_back(part(entry));
    return Object::list(std::move(all));
  }
  void put(Object key, Object value, Object& old) {
    if (Object* const present = dict_.find(key)) {
      old = std::exchange(*present, std::move(value));
    } else {
      dict_.set(std::move(key), std::move(value));
    }
  }
  // By its address: to compare the keys of all would take long.
  std::size_t place_of_value(const Object& value) const {
    const auto* const found =
        std::ranges::lower_bound(dict_, &value, std::ranges::less(),
                                 [](const Object::Dict::Entry& entry) { return &entry.second; });
    return static_cast<std::size_t>(found - dict_.begin());
  }
  Object take(const Object& key) {
    Object* const present = dict_.find(key);
    if (present == nullptr) throw KeyError(repr(key));
    Object value = std::move(*present);
    dict_.erase(key);
    return value;
  }

  Object::Dict dict_;
};

// Of one client's loop over the keys of a dict.
class IteratorReferent final : public Exposing<IteratorReferent> {
 public:
  IteratorReferent(std::shared_ptr<DictReferent> dict, std::size_t size)
      : dict_(std::move(dict)), size_(size) {}

  static const Methods<IteratorReferent>& methods() {
    static const Methods<IteratorReferent> all{{"next", 0, 0, &IteratorReferent::next}};
    return all;
  }

 private:
  Object next(Arguments&, Caller&) {
    Object key = dict_->key_at(place_, size_);
    if (!key.is_none()) ++place_;
    return key;
  }

  const std::shared_ptr<DictReferent> dict_;
  const std::size_t size_;
  std::atomic<std::size_t> place_ = 0;
};

Object DictReferent::iterate(Arguments&, Caller& caller) {
  std::unique_lock hold(mutex_);
  const std::size_t size = dict_.size();
  hold.unlock();
  return caller.adopt("Iterator", std::make_shared<IteratorReferent>(shared_from_this(), size));
}

}  // namespace

std::shared_ptr<Referent> make_list(Arguments& arguments) {
  return std::make_shared<ListReferent>(arguments.size() == 0 ? Items()
                                                              : items_of(arguments.take(0)));
}

std::shared_ptr<Referent> make_dict(Arguments& arguments) {
  return std::make_shared<DictReferent>(arguments.size() == 0 ? Object::Dict()
                                                              : arguments[0].as_dict());
}

}  // namespace ipc::detail
