// SPDX-License-Identifier: MIT
// Linked into every program under the address sanitizer of Clang 14, which (as LLVM's before 18)
// does not prepare for fork: a child of a process with several threads could inherit its
// allocator's locks, held by a thread that the child does not have. glibc's own allocator prepares;
// this does the same, in the order of LLVM's leak checker.
#include <pthread.h>

// Of the sanitizer's static runtime, which names them so.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
namespace __lsan {
void LockThreadRegistry();
void UnlockThreadRegistry();
void LockAllocator();
void UnlockAllocator();
}  // namespace __lsan
namespace __sanitizer {
void StackDepotLockAll();
void StackDepotUnlockAll();
}  // namespace __sanitizer
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

namespace {

void lock_all() {
  __lsan::LockThreadRegistry();
  __lsan::LockAllocator();
  __sanitizer::StackDepotLockAll();
}

void unlock_all() {
  __sanitizer::StackDepotUnlockAll();
  __lsan::UnlockAllocator();
  __lsan::UnlockThreadRegistry();
}

// Before any other: what is registered first is called last before a fork, and first after it.
__attribute__((constructor(101))) void prepare_for_fork() {
  pthread_atfork(lock_all, unlock_all, unlock_all);
}

}  // namespace
