// SPDX-License-Identifier: MIT
#include "impl/os/sysv_holders.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>

#include "impl/os/error.h"

namespace ipc {
namespace {

bool attached(void* memory) { return reinterpret_cast<std::intptr_t>(memory) != -1; }

void remove_object(SysvHolders::Kind kind, int object) {
  if (object < 0) return;
  if (kind == SysvHolders::Kind::queue) {
    msgctl(object, IPC_RMID, nullptr);
  } else {
    semctl(object, 0, IPC_RMID);
  }
}

}  // namespace

SysvHolders::SysvHolders(Kind kind) {
  remove_orphans();
  segment_ = shmget(IPC_PRIVATE, sizeof(Page), IPC_CREAT | 0600);
  if (segment_ < 0) throw_errno("shmget");
  void* const memory = shmat(segment_, nullptr, 0);
  if (!attached(memory)) {
    const int error = errno;
    shmctl(segment_, IPC_RMID, nullptr);
    errno = error;
    throw_errno("shmat");
  }
  page_ = new (memory) Page{{}, kind, -1};
  std::memcpy(page_->magic, Page::kMagic, sizeof Page::kMagic);
}

SysvHolders::~SysvHolders() { let_go(segment_, page_); }

void SysvHolders::keep(int object) { page_->object.store(object, std::memory_order_relaxed); }

void SysvHolders::remove() {
  remove_object(page_->kind, page_->object.exchange(-1, std::memory_order_relaxed));
}

// Several may let go at the same time: all of them then see that nobody is left, and the one that
// removes the segment removes the object.
void SysvHolders::let_go(int segment, Page* page) {
  const Kind kind = page->kind;
  const int object = page->object.load(std::memory_order_relaxed);
  shmdt(page);
  shmid_ds state;
  if (shmctl(segment, IPC_STAT, &state) != 0 || state.shm_nattch != 0) return;
  if (shmctl(segment, IPC_RMID, nullptr) == 0) remove_object(kind, object);
}

void SysvHolders::remove_orphans() {
  shm_info totals;
  shmid_ds state;
  const int highest = shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&totals));
  for (int i = 0; i <= highest; ++i) {
    const int segment = shmctl(i, SHM_STAT, &state);
    if (segment < 0 || state.shm_nattch != 0 || state.shm_segsz != sizeof(Page) ||
        state.shm_perm.uid != geteuid()) {
      continue;
    }
    void* const memory = shmat(segment, nullptr, 0);
    if (!attached(memory)) continue;
    auto* const page = static_cast<Page*>(memory);
    if (std::memcmp(page->magic, Page::kMagic, sizeof Page::kMagic) == 0) {
      let_go(segment, page);
    } else {
      shmdt(memory);
    }
  }
}

}  // namespace ipc
