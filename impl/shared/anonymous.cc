// SPDX-License-Identifier: MIT
// anonymous: pages without a file, inherited by fork. Kernel objects: an anonymous shared mapping.
// Source: mmap(2), MAP_SHARED | MAP_ANONYMOUS. Limit: nobody but a child can have it.
#include "impl/os/mapping.h"
#include "impl/shared/backend.h"

namespace ipc {
namespace {

const RegisterMemory<Mapping> registered(
    "anonymous", {.summary = "pages without a file, inherited by fork",
                  .source = "mmap(2), MAP_SHARED | MAP_ANONYMOUS",
                  .max_message = kAnySize,
                  .on_kill = "the pages stay as long as somebody has them"});

}  // namespace
}  // namespace ipc
