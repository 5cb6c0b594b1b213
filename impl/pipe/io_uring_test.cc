// SPDX-License-Identifier: MIT
// A kernel that refuses io_uring, as containers often make it: by a filter of system calls.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <string>

#include "impl/driver/errors.h"
#include "impl/driver/peers_test.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/pipe.h"

namespace ipc {
namespace {

// From now on io_uring_setup(2) is EPERM for this process. False where filters are not to be had.
bool refuse_io_uring() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

void check_refused() {
  expect(refuse_io_uring(), "this kernel has no filters of system calls");
  const auto reason = PipeRegistry::get("io_uring").traits.available();
  expect(reason.has_value(), "it says that it can be used");
  expect(reason->find("refused here") != std::string::npos &&
             reason->find("Operation not permitted") != std::string::npos,
         "the reason is: ", *reason);
  try {
    Pipe({.backend = "io_uring"});
    fail("a pipe was made");
  } catch (const Error& error) {
    expect(std::string(error.what()).find(*reason) != std::string::npos, error.what());
  }
  auto [a, b] = Pipe({.backend = "unix_stream"});  // nothing else is refused
  a.send("still");
  expect(b.recv() == "still", "unix_stream carries something else");
}

TEST(IoUringOfProcesses, IsUnavailableWithTheReasonWhereItIsRefused) {
  if (!PipeRegistry::entries().contains("io_uring")) GTEST_SKIP() << "built without liburing";
  EXPECT_EQ(watched(Peers::processes, patience, check_refused), std::nullopt);
}

}  // namespace
}  // namespace ipc
