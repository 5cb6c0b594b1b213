// SPDX-License-Identifier: MIT
// The referents of list, dict, Namespace, Value and Array. Each operation is atomic. What they are
// asked for is in containers.cc; what each means, in proxies.h.
#pragma once

#include <memory>

#include "impl/manager/referent.h"

namespace ipc::detail {

std::shared_ptr<Referent> make_list(Arguments& arguments);       // none, or a list
std::shared_ptr<Referent> make_dict(Arguments& arguments);       // none, or a dict
std::shared_ptr<Referent> make_namespace(Arguments& arguments);  // none, or a dict of its attributes
std::shared_ptr<Referent> make_value(Arguments& arguments);      // a type code, a value
std::shared_ptr<Referent> make_array(Arguments& arguments);      // a type code, a sequence

}  // namespace ipc::detail
