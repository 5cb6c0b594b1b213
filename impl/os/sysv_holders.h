// SPDX-License-Identifier: MIT
// Who has a System V message queue or semaphore: the kernel keeps those until somebody removes
// them. It does count who has a segment of shared memory, so a page stands for the object: who
// finds that nobody has the page any more removes both. What the last process leaves that ends
// without destroying its holders is removed when the same user makes the next ones.
//
// Constructed before the processes that use the object; fork copies it, and each process destroys
// its own.
#pragma once

#include <atomic>

namespace ipc {

class SysvHolders {
 public:
  enum class Kind { queue, semaphores };

  explicit SysvHolders(Kind kind);  // removes orphans; throws std::system_error
  SysvHolders(const SysvHolders&) = delete;
  SysvHolders& operator=(const SysvHolders&) = delete;
  ~SysvHolders();

  // From now on they have the object of that number. REQUIRES: before any fork.
  void keep(int object);
  // Removes the object now, in whatever processes are using it.
  void remove();

  // What ended processes of this user have left.
  static void remove_orphans();

 private:
  struct Page {
    static constexpr char kMagic[] = "ipcbench System V";
    char magic[sizeof kMagic];
    Kind kind;
    std::atomic<int> object;  // -1 once that is removed: its number may be given to another
  };
  static void let_go(int segment, Page* page);

  int segment_;
  Page* page_;
};

}  // namespace ipc
