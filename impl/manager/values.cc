// SPDX-License-Identifier: MIT
#include "impl/manager/values.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "impl/manager/guarded.h"
#include "impl/manager/sequence.h"
#include "impl/shared/typecode.h"

namespace ipc::detail {
namespace {

class NamespaceReferent final : public Exposing<NamespaceReferent>, Guarded {
 public:
  explicit NamespaceReferent(Object::Dict attributes) : attributes_(std::move(attributes)) {
    for (const auto& [name, value] : attributes_) static_cast<void>(name.as_text());
  }

  static const Methods<NamespaceReferent>& methods() {
    using N = NamespaceReferent;
    static const Methods<N> all{{"delete", 1, 1, &N::remove},
                                {"get", 1, 1, &N::get},
                                {"set", 2, 2, &N::set},
                                {"str", 0, 0, &N::text}};
    return all;
  }

 private:
  Object remove(Arguments& given, Caller&) {
    Object old;
    const std::lock_guard hold(mutex_);
    old = std::move(find(given[0]));
    attributes_.erase(given[0]);
    return {};
  }
  Object get(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return find(given[0]);
  }
  Object set(Arguments& given, Caller&) {
    Object old;
    static_cast<void>(given[0].as_text());
    const std::lock_guard hold(mutex_);
    if (Object* const present = attributes_.find(given[0])) old = std::move(*present);
    attributes_.set(given.take(0), given.take(1));
    return {};
  }
  Object text(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    std::vector<std::string> texts;
    for (const auto& [name, value] : attributes_) {
      if (!name.as_text().starts_with('_')) texts.push_back(name.as_text() + "=" + repr(value));
    }
    std::ranges::sort(texts);  // not the names: Python has a1=2 before a=1
    std::string all;
    for (const std::string& each : texts) all += (all.empty() ? "" : ", ") + each;
    return "Namespace(" + all + ")";
  }

  Object& find(const Object& name) {
    Object* const value = attributes_.find(name);
    if (value == nullptr) {
      throw AttributeError("'Namespace' object has no attribute " + repr(name));
    }
    return *value;
  }

  Object::Dict attributes_;
};

class ValueReferent final : public Exposing<ValueReferent>, Guarded {
 public:
  ValueReferent(Object code, Object value) : code_(std::move(code)), value_(std::move(value)) {}

  static const Methods<ValueReferent>& methods() {
    using V = ValueReferent;
    static const Methods<V> all{
        {"get", 0, 0, &V::get}, {"set", 1, 1, &V::set}, {"str", 0, 0, &V::text}};
    return all;
  }

 private:
  Object get(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return value_;
  }
  Object set(Arguments& given, Caller&) {
    Object old;
    const std::lock_guard hold(mutex_);
    old = std::exchange(value_, given.take(0));
    return {};
  }
  Object text(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return "Value(" + repr(code_) + ", " + repr(value_) + ")";
  }

  const Object code_;
  Object value_;
};

// What an element of that type is for a value: a float of 32 bits is rounded.
template <class T>
Object element(const Object& value) {
  if constexpr (std::is_same_v<T, wchar_t>) {
    if (!value.is_text() || value.size() != 1) {
      throw TypeError("array item must be a unicode character, not " +
                      std::string(value.type_name()));
    }
    return value;
  } else {
    Object number = value.is_bool() ? Object(int{value.as_bool()}) : value;
    if constexpr (std::is_floating_point_v<T>) {
      if (number.is_real()) return static_cast<T>(number.as_real());
      if (!number.is_integer()) {
        throw TypeError("must be real number, not " + std::string(value.type_name()));
      }
      return number.visit([]<class V>(const V& held) -> Object {
        if constexpr (std::is_arithmetic_v<V>) return static_cast<T>(held);
        return {};
      });
    } else {
      if (!number.is_integer()) {
        throw TypeError("'" + std::string(value.type_name()) +
                        "' object cannot be interpreted as an integer");
      }
      if (less(number, std::numeric_limits<T>::min())) {
        throw OverflowError(repr(value) + " is less than the minimum of the array's type");
      }
      if (less(std::numeric_limits<T>::max(), number)) {
        throw OverflowError(repr(value) + " is greater than the maximum of the array's type");
      }
      return number;
    }
  }
}

class ArrayReferent final : public Exposing<ArrayReferent>, Guarded {
 public:
  ArrayReferent(std::string code, Items items) : code_(std::move(code)) {
    if (code_.size() != 1 || code_ == "c") {
      throw ValueError("bad typecode (must be b, B, u, h, H, i, I, l, L, q, Q, f or d)");
    }
    with_typecode(code_[0], [this]<class T>(T) {
      if constexpr (!std::is_same_v<T, char>) element_ = element<T>;
    });
    items_ = elements(std::move(items));
  }

  static const Methods<ArrayReferent>& methods() {
    using A = ArrayReferent;
    static const Methods<A> all{{"get", 1, 1, &A::get},
                                {"get_slice", 3, 3, &A::get_slice},
                                {"length", 0, 0, &A::length},
                                {"set", 2, 2, &A::set},
                                {"set_slice", 4, 4, &A::replace_slice},
                                {"str", 0, 0, &A::text}};
    return all;
  }

 private:
  Object get(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return items_[place_of(given[0], items_.size(), "array index out of range")];
  }
  Object get_slice(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    return Object::list(slice(items_, Slice(given[0], given[1], given[2], items_.size())));
  }
  Object length(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return items_.size();
  }
  Object set(Arguments& given, Caller&) {
    const std::lock_guard hold(mutex_);
    const std::size_t place =
        place_of(given[0], items_.size(), "array assignment index out of range");
    items_[place] = element_(given[1]);
    return {};
  }
  Object replace_slice(Arguments& given, Caller&) {
    Items values = elements(items_of(given.take(3)));
    const std::lock_guard hold(mutex_);
    set_slice(items_, Slice(given[0], given[1], given[2], items_.size()), std::move(values));
    return {};
  }
  Object text(Arguments&, Caller&) {
    const std::lock_guard hold(mutex_);
    return "array('" + code_ + "', " + repr(Object::list(items_)) + ")";
  }

  Items elements(Items values) const {
    for (Object& each : values) each = element_(each);
    return values;
  }

  const std::string code_;
  Object (*element_)(const Object&) = nullptr;
  Items items_;
};

}  // namespace

std::shared_ptr<Referent> make_namespace(Arguments& arguments) {
  return std::make_shared<NamespaceReferent>(arguments.size() == 0 ? Object::Dict()
                                                                   : arguments[0].as_dict());
}

std::shared_ptr<Referent> make_value(Arguments& arguments) {
  if (arguments.size() != 2) throw TypeError("Value takes a type code and a value");
  return std::make_shared<ValueReferent>(arguments.take(0), arguments.take(1));
}

std::shared_ptr<Referent> make_array(Arguments& arguments) {
  if (arguments.size() != 2) throw TypeError("Array takes a type code and a sequence");
  return std::make_shared<ArrayReferent>(arguments[0].as_text(), items_of(arguments.take(1)));
}

}  // namespace ipc::detail
