// SPDX-License-Identifier: MIT
// What the tests of managers share: each case has a manager of its own, over every backend.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "impl/manager/backend.h"
#include "impl/manager/manager.h"
#include "impl/process/typed_api_test.h"

namespace ipc {

class OverBackends : public testing::TestWithParam<std::string> {
 protected:
  ManagerOptions options() const { return {.backend = GetParam()}; }
  ManagerOptions unstarted() const { return {.backend = GetParam(), .start = false}; }
  // Of who has address and key only.
  ManagerOptions elsewhere(const std::string& address, const std::string& key) const {
    return {.backend = GetParam(), .address = address, .authkey = key, .start = false};
  }
};

inline Object list(std::initializer_list<Object> items) { return Object::list(items); }

}  // namespace ipc
