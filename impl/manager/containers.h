// SPDX-License-Identifier: MIT
// The referents of list and dict. Each operation is atomic; what each means: proxies.h.
#pragma once

#include <memory>

#include "impl/manager/referent.h"

namespace ipc::detail {

std::shared_ptr<Referent> make_list(Arguments& arguments);  // none, or a list or tuple
std::shared_ptr<Referent> make_dict(Arguments& arguments);  // none, or a dict

}  // namespace ipc::detail
