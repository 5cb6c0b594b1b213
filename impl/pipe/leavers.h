// SPDX-License-Identifier: MIT
// What must still leave a process after nobody there holds it any more, and before the process
// ends: the senders of pipes over message libraries, which write later, in threads of their own.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "impl/os/deadline.h"

namespace ipc {

class Leaver {
 public:
  virtual ~Leaver() = default;
  // Nothing is left that somebody might still take.
  virtual bool is_useless() const = 0;
  // Lets go of everything in an orderly way, once that is possible; at the deadline, anyhow.
  virtual void leave(Deadline patience) = 0;
  // Nothing more will be sent.
  virtual void announce_leave() = 0;
};

// Those of one process. Any thread may call.
class Leavers {
 public:
  static Leavers& here();

  void add(std::shared_ptr<Leaver> leaver);
  // Its user is gone: it leaves when it is useless, which is looked at in every call, or at the end
  // of the process. May be null.
  void retire(const std::shared_ptr<Leaver>& leaver);

 private:
  struct Entry {
    std::shared_ptr<Leaver> leaver;
    bool retired;
  };

  void end();

  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace ipc
