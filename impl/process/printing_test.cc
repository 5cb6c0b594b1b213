// SPDX-License-Identifier: MIT
// Lines that several processes print at the same time (claim C51).
#include <gtest/gtest.h>
#include <unistd.h>

#include <list>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include "impl/os/stream.h"
#include "impl/process/typed_api_test.h"
#include "impl/sync/barrier.h"
#include "impl/sync/lock.h"

namespace ipc {
namespace {

enum class How { in_parts, in_parts_under_a_lock, whole };

constexpr std::string_view kLetters = "abcd";
constexpr int kEach = 1000;

std::string line_of(char letter) { return {letter, ' ', letter, ' ', letter, '\n'}; }

// What they print, with room for all of it. As std::cout under std::unitbuf does, and Python's
// print() under -u: each part is a write(2).
std::string printed(How how) {
  PipeEnds pipe = make_pipe(kLetters.size() * kEach * line_of('a').size());
  const auto write_all = [&pipe](std::string_view part) {
    const ssize_t written = write(pipe.write.get(), part.data(), part.size());
    require(written == static_cast<ssize_t>(part.size()), "all was written");
  };
  Lock lock;
  Barrier start(static_cast<int>(kLetters.size()));
  std::list<Running> processes;
  for (const char letter : kLetters) {
    processes.emplace_back([&, letter] {
      const std::string line = line_of(letter);
      start.wait();
      for (int i = 0; i < kEach; ++i) {
        const auto hold =
            how == How::in_parts_under_a_lock ? std::unique_lock(lock) : std::unique_lock<Lock>();
        if (how == How::whole) {
          write_all(line);
        } else {
          for (const char& part : line) {
            write_all({&part, 1});
            if (how == How::in_parts) std::this_thread::yield();  // where there is one CPU only
          }
        }
      }
    });
  }
  for (Running& process : processes) EXPECT_EQ(end_of(*process), 0);
  pipe.write.reset();
  std::string all(kLetters.size() * kEach * line_of('a').size(), '\0');
  EXPECT_EQ(read_exactly(pipe.read.get(), reinterpret_cast<std::byte*>(all.data()), all.size()),
            Status::ok);
  return all;
}

int mixed_lines(const std::string& all) {
  std::istringstream lines(all);
  int mixed = 0;
  for (std::string line; std::getline(lines, line);) {
    mixed += line.empty() || line + '\n' != line_of(line.front());
  }
  return mixed;
}

TEST(LinesOfProcesses, AreMixedWhenTheyComeInParts) {
  int mixed = 0;  // when is chance; that it happens is not
  for (int tries = 0; tries < 50 && mixed == 0; ++tries) {
    mixed = mixed_lines(printed(How::in_parts));
  }
  EXPECT_GT(mixed, 0);
}

TEST(LinesOfProcesses, AreWholeUnderALock) {
  EXPECT_EQ(mixed_lines(printed(How::in_parts_under_a_lock)), 0);
}

TEST(LinesOfProcesses, AreWholeInOneWrite) { EXPECT_EQ(mixed_lines(printed(How::whole)), 0); }

}  // namespace
}  // namespace ipc
