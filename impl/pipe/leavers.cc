// SPDX-License-Identifier: MIT
#include "impl/pipe/leavers.h"

#include <chrono>
#include <utility>

#include "impl/os/child.h"
#include "impl/os/first_use.h"
#include "impl/os/per_process.h"

namespace ipc {
namespace {

// How long the end of a process waits for somebody who takes its last messages.
constexpr std::chrono::seconds kPatience{3};

// Never destroyed: threads may use it until the end.
constinit FirstUse<PerProcess<Leavers>> all_leavers;

}  // namespace

Leavers& Leavers::here() { return all_leavers.get().get(); }

void Leavers::add(std::shared_ptr<Leaver> leaver) {
  at_process_end([] { here().end(); });
  std::lock_guard hold(mutex_);
  entries_.push_back({std::move(leaver), false});
}

void Leavers::retire(const std::shared_ptr<Leaver>& leaver) {
  std::vector<Entry> leaving;  // outside of the lock, as it takes time
  {
    std::lock_guard hold(mutex_);
    std::vector<Entry> staying;
    for (Entry& entry : entries_) {
      if (entry.leaver == leaver) {
        entry.retired = true;
        leaver->announce_leave();
      }
      (entry.retired && entry.leaver->is_useless() ? leaving : staying).push_back(std::move(entry));
    }
    entries_ = std::move(staying);
  }
  for (const Entry& entry : leaving) entry.leaver->leave(Deadline::now());
}

void Leavers::end() {
  const Deadline patience = Deadline::after(kPatience);
  std::vector<Entry> leaving;
  {
    std::lock_guard hold(mutex_);
    leaving = std::exchange(entries_, {});
  }
  for (const Entry& entry : leaving) entry.leaver->leave(patience);
}

}  // namespace ipc
