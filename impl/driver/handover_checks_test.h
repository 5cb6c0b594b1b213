// SPDX-License-Identifier: MIT
// The checks of what an endpoint may offer beside single copies (endpoint.h): several messages in a
// call, and messages built and read in the transport.
#pragma once

#include "impl/driver/link_test.h"

namespace ipc {

void check_batches(const Subject& subject);    // needs Traits::batches
void check_in_place(const Subject& subject);   // needs Traits::in_place
void check_carriages(const Subject& subject);  // the loops

}  // namespace ipc
