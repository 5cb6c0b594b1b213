// SPDX-License-Identifier: MIT
// The referents of Namespace, Value and Array. Each operation is atomic; what each means:
// proxies.h.
#pragma once

#include <memory>

#include "impl/manager/referent.h"

namespace ipc::detail {

std::shared_ptr<Referent> make_namespace(
    Arguments& arguments);                                   // none, or a dict of its attributes
std::shared_ptr<Referent> make_value(Arguments& arguments);  // a type code, a value
std::shared_ptr<Referent> make_array(Arguments& arguments);  // a type code, a sequence

}  // namespace ipc::detail
