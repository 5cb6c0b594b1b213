// SPDX-License-Identifier: MIT
#include "impl/driver/leftovers_test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "impl/driver/peers_test.h"
#include "impl/os/unique_name.h"

namespace ipc {
namespace {

std::size_t entries_of(const char* folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

// All message queues, as the folder that shows them. Not mounted anywhere, so that nobody else sees
// it; that takes root. Nothing where it is not allowed.
UniqueFd open_message_queues() {
  const UniqueFd context(fsopen("mqueue", FSOPEN_CLOEXEC));
  if (!context || fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
  return UniqueFd(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
}

std::set<std::string> kernel_objects() {
  std::set<std::string> objects;
  const auto list = [&objects](const std::string& folder, std::string_view begin) {
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(begin)) objects.insert(folder + "/" + name);
    }
  };
  list("/dev/shm", "");
  list("/dev/mqueue", "");
  list(std::filesystem::temp_directory_path(), kTemporaryFolder);
  if (const UniqueFd queues = open_message_queues()) {
    std::error_code error;
    const auto folder = "/proc/self/fd/" + std::to_string(queues.get());
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      objects.insert("message queue /" + entry.path().filename().string());
    }
  }
  for (const char* table : {"/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"}) {
    std::ifstream lines(table);
    std::string line;
    std::getline(lines, line);  // the heading
    std::string key;
    std::string number;
    while (lines >> key >> number && std::getline(lines, line)) {
      objects.insert(std::string(table) + " " + number);
    }
  }
  return objects;
}

}  // namespace

Belongings belongings_of_this_process() {
  return {entries_of("/proc/self/fd"), entries_of("/proc/self/task")};
}

void expect_belongings(const Belongings& before) {
  constexpr std::chrono::seconds kSilence{4};
  Deadline deadline = Deadline::after(kSilence);
  Belongings now = belongings_of_this_process();
  // Libraries close in threads of their own, one thing after another, and under a sanitizer slowly.
  while ((now.threads > before.threads || now.descriptors > before.descriptors) &&
         !deadline.passed()) {
    nap(std::chrono::milliseconds(1));
    const Belongings last = std::exchange(now, belongings_of_this_process());
    if (now.threads + now.descriptors < last.threads + last.descriptors) {
      deadline = Deadline::after(kSilence);
    }
  }
  expect(now.descriptors <= before.descriptors, now.descriptors - before.descriptors,
         " descriptors are left behind");
  expect(now.threads <= before.threads, now.threads - before.threads, " threads are left behind");
}

bool KernelObjects::may_list_message_queues() { return bool(open_message_queues()); }

KernelObjects::KernelObjects() : turn_(open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (turn_) flock(turn_.get(), LOCK_EX);
  before_ = kernel_objects();
}

void KernelObjects::expect_nothing_new(const std::function<void()>& clean_up) const {
  const Deadline deadline = Deadline::after(std::chrono::seconds(4));
  const std::set<std::string> first = kernel_objects();
  std::vector<std::string> left;
  std::set_difference(first.begin(), first.end(), before_.begin(), before_.end(),
                      std::back_inserter(left));
  while (!left.empty() && !deadline.passed()) {
    nap(std::chrono::milliseconds(50));
    clean_up();
    const std::set<std::string> now = kernel_objects();
    std::erase_if(left, [&now](const std::string& object) { return !now.contains(object); });
  }
  if (!left.empty()) fail("left behind: " + left.front());
}

}  // namespace ipc
