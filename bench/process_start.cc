// SPDX-License-Identifier: MIT
// process_start: how often a second can a process be started and joined?
//
//   parent --start--> child that ends at once --joined--> parent
//
// bytes: what the parent has in memory beside itself, private and touched, in small pages: a fork
// copies their tables. posix_spawn runs another program, /bin/true. thread: what a thread takes in
// its place.
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "bench/harness/operations.h"
#include "bench/harness/process_peers.h"
#include "impl/os/error.h"
#include "impl/process/process.h"

namespace ipc::bench {
namespace {

// Touched memory of this process alone. A shared mapping's page tables are not copied by a fork.
class PrivateMemory {
 public:
  explicit PrivateMemory(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    address_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address_ == MAP_FAILED) throw_errno("mmap");
    madvise(address_, bytes, MADV_NOHUGEPAGE);
    std::memset(address_, 1, bytes);
  }
  ~PrivateMemory() {
    if (bytes_ != 0) munmap(address_, bytes_);
  }
  PrivateMemory(const PrivateMemory&) = delete;
  PrivateMemory& operator=(const PrivateMemory&) = delete;

 private:
  std::size_t bytes_;
  void* address_ = nullptr;
};

void wait_for(pid_t pid, const char* call) {
  if (pid < 0) throw_errno(call);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) throw_errno("waitpid");
  if (status != 0) throw Error(std::string(call) + ": the child ended otherwise than it should");
}

void start_by_fork() {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  wait_for(pid, "fork");
}

void start_by_vfork() {
  const pid_t pid = vfork();
  if (pid == 0) _exit(0);
  wait_for(pid, "vfork");
}

// What fork does in the kernel, without what the C library does around it.
void start_by_clone() {
  const auto pid = static_cast<pid_t>(
      syscall(SYS_clone, static_cast<unsigned long>(SIGCHLD), nullptr, nullptr, nullptr, 0UL));
  if (pid == 0) _exit(0);
  wait_for(pid, "clone");
}

void start_by_spawn() {
  static char name[] = "true";
  char* const arguments[] = {name, nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = -1;
  errno = posix_spawn(&pid, "/bin/true", nullptr, nullptr, arguments, environment);
  wait_for(errno == 0 ? pid : -1, "posix_spawn");
}

void start_a_process() {
  Process process([] {});
  process.start();
  process.join();
  if (process.exitcode() != 0) throw Error("a process ended otherwise than it should");
}

void start_a_thread() {
  std::thread([] {}).join();
}

const ProcessBackend kBackends[] = {
    {"fork", "fork(2), _exit and waitpid", "fork(2)", start_by_fork},
    {"vfork", "vfork(2): the child borrows its parent's memory", "vfork(2)", start_by_vfork},
    {"clone", "clone(2) as fork does, without the C library", "clone(2)", start_by_clone},
    {"posix_spawn", "posix_spawn(3) of /bin/true", "posix_spawn(3)", start_by_spawn},
    {"process", "ipc::Process: start and join", "Python's multiprocessing.Process",
     start_a_process},
    {"thread", "std::thread: start and join, for comparison", "pthread_create(3)", start_a_thread},
};

// Nothing where the machine has enough memory for that and for what goes on beside.
std::optional<std::string> why_not_with(std::size_t bytes) {
  struct sysinfo about {};
  if (sysinfo(&about) != 0) throw_errno("sysinfo");
  const std::uint64_t all = about.totalram * std::uint64_t{about.mem_unit};
  if (all >= 4 * std::uint64_t{bytes}) return std::nullopt;
  return "it takes " + std::to_string(bytes >> 20) + " MiB, and the machine has " +
         std::to_string(all >> 20) + " MiB of memory";
}

const RegisterBackends registered_backends([] { return listed_backends(kBackends); });

const RegisterQuestion registered([] {
  constexpr std::size_t kGibibyte = std::size_t{1} << 30;
  std::vector<Series> series;
  for (const ProcessBackend& backend : kBackends) {
    for (const std::size_t bytes : {std::size_t{0}, kGibibyte}) {
      for (const Placement placement : {Placement::same, Placement::free}) {
        series.push_back(process_series(
            "process_start", backend.name, {.bytes = bytes, .placement = placement},
            [start = backend.operation](const Keys& keys, const RunOptions& options) {
              const auto open = [start, bytes = keys.bytes] {
                const auto memory = std::make_shared<PrivateMemory>(bytes);
                return repeat([start, memory] { start(); });
              };
              return alone(keys, options, open, true);
            }));
        series.back().skip = why_not_with(bytes);
      }
    }
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
