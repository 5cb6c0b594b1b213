// SPDX-License-Identifier: MIT
// Users of a LockedPipe killed at the worst moments. All names say Processes, for all fork. Longer
// than most: each moment takes some lines to bring about.
#include "impl/queue/locked_pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <new>
#include <random>
#include <vector>

#include "impl/driver/link_test.h"
#include "impl/driver/payload.h"
#include "impl/os/error.h"
#include "impl/queue/feeder.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kCapacity = 65536;
constexpr std::size_t kBytes = 64;

// A message that takes long to write, of zeros that cost no memory.
class Endless {
 public:
  Endless()
      : address_(
            mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (address_ == MAP_FAILED) throw_errno("mmap of 256 MiB");
  }
  ~Endless() { munmap(address_, kSize); }
  Endless(const Endless&) = delete;
  Endless& operator=(const Endless&) = delete;
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(address_), kSize};
  }

 private:
  static constexpr std::size_t kSize = std::size_t{256} << 20;
  void* address_;
};

int bytes_in(const LockedPipe& pipe) {
  int bytes = 0;
  if (ioctl(pipe.read_fd(), FIONREAD, &bytes) != 0) throw_errno("FIONREAD");
  return bytes;
}

// Waits until a writer is stuck in a pipe that takes no more.
void wait_until_stuck(const LockedPipe& pipe, int at_least) {
  const Deadline limit = Deadline::after(patience);
  int before = -1;
  for (int now = 0; now != before || now < at_least; now = bytes_in(pipe)) {
    expect(!limit.passed(), "the writer did not fill the pipe");
    before = now;
    nap(5ms);
  }
}

void put(LockedPipe& pipe, std::uint64_t number, Deadline deadline = Deadline::after(patience)) {
  Buffer message;
  fill(message, kBytes, number);
  expect_status(pipe.send(message.bytes(), deadline), Status::ok, "send of message ", number);
}

void take(LockedPipe& pipe, std::uint64_t number, Deadline deadline = Deadline::after(patience)) {
  Buffer message;
  expect_status(pipe.receive(message, deadline), Status::ok, "receive of message ", number);
  expect_numbered(message, kBytes, number);
}

// Puts bytes into the pipe that no sender has framed.
void write_raw(const LockedPipe& pipe, std::span<const std::byte> bytes) {
  const std::string path = "/proc/self/fd/" + std::to_string(pipe.read_fd());
  const UniqueFd raw(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  expect(write(raw.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
         "write of ", bytes.size(), " bytes");
}

Peer fork_peer(const std::function<void()>& body) { return Peer(Peers::processes, body); }

void expect_good(const std::function<void()>& body) {
  if (const Verdict wrong = watched(Peers::processes, kCheckLimit, body)) ADD_FAILURE() << *wrong;
}

TEST(LockedPipeProcesses, ReaderKilledWhileWaitingIsReplacedByTheNext) {
  expect_good([] {
    LockedPipe pipe(kCapacity);
    Signal waiting;
    const auto wait_for_first = [&] {
      waiting.raise();
      take(pipe, 0, Deadline::never());
    };
    Peer victim = fork_peer(wait_for_first);
    waiting.wait(1);
    nap(10ms);
    Peer next = fork_peer(wait_for_first);
    waiting.wait(2);
    nap(10ms);
    victim.kill();
    put(pipe, 0);
    next.finish();
    for (std::uint64_t i = 0; i < 10; ++i) put(pipe, i);
    for (std::uint64_t i = 0; i < 10; ++i) take(pipe, i);
  });
}

TEST(LockedPipeProcesses, WriterKilledInsideALongMessageLosesOnlyThatOne) {
  expect_good([] {
    LockedPipe pipe(kCapacity);
    put(pipe, 0);
    Peer victim = fork_peer([&] { pipe.send(Endless().bytes(), Deadline::never()); });
    wait_until_stuck(pipe, 60'000);
    victim.kill();
    // Nobody reads: the others keep their deadlines, and go on once somebody does.
    Buffer message(kBytes);
    expect_status(pipe.send(message.bytes(), Deadline::now()), Status::timed_out,
                  "send behind a torn message");
    expect_status(pipe.send(message.bytes(), Deadline::after(30ms)), Status::timed_out,
                  "send behind a torn message");
    Peer writer = fork_peer([&] {
      for (std::uint64_t i = 1; i < 2000; ++i) put(pipe, i, Deadline::never());
    });
    for (std::uint64_t i = 0; i < 2000; ++i) take(pipe, i);
    writer.finish();
  });
}

TEST(LockedPipeProcesses, WriterKilledUnderAReaderLosesOnlyThatOne) {
  expect_good([] {
    for (const bool writer_waits : {false, true}) {
      LockedPipe pipe(kCapacity);
      Peer reader = fork_peer([&] {
        for (std::uint64_t i = 0; i < 10; ++i) take(pipe, i, Deadline::never());
      });
      Peer victim = fork_peer([&] { pipe.send(Endless().bytes(), Deadline::never()); });
      nap(3ms);
      const auto go_on = [&] {
        for (std::uint64_t i = 0; i < 10; ++i) put(pipe, i);
      };
      std::optional<Peer> waiting_writer;
      if (writer_waits) waiting_writer.emplace(fork_peer(go_on));
      nap(2ms);
      victim.kill();
      writer_waits ? waiting_writer->finish() : go_on();
      reader.finish();
    }
  });
}

// The kernel splits this message after its first byte: into the last page, which has room, and a
// new one, which is not to be had.
TEST(LockedPipeProcesses, WriterKilledInsideALengthLosesOnlyThatMessage) {
  expect_good([] {
    LockedPipe pipe(kCapacity);
    constexpr int kFrame = 3000;
    Buffer page;
    for (std::uint64_t i = 0; i < 16; ++i) {
      fill(page, kFrame - kFrameHeader, i);
      pipe.send(page.bytes(), Deadline::never());
    }
    Peer victim =
        fork_peer([&] { pipe.send(Buffer(4097 - kFrameHeader).bytes(), Deadline::never()); });
    wait_until_stuck(pipe, 16 * kFrame + 1);
    victim.kill();
    Peer writer = fork_peer([&] { put(pipe, 16, Deadline::never()); });
    for (std::uint64_t i = 0; i < 16; ++i) {
      expect_status(pipe.receive(page, Deadline::never()), Status::ok, "receive of message ", i);
      expect_numbered(page, kFrame - kFrameHeader, i);
    }
    take(pipe, 16, Deadline::never());
    writer.finish();
  });
}

TEST(LockedPipeProcesses, StoppedWriterIsNotTakenForDead) {
  expect_good([] {
    LockedPipe pipe(kCapacity);
    constexpr std::size_t kLong = 1 << 20;
    Peer writer = fork_peer([&] {
      Buffer message;
      fill(message, kLong, 0);
      expect_status(pipe.send(message.bytes(), Deadline::never()), Status::ok, "the long send");
    });
    wait_until_stuck(pipe, 60'000);
    writer.signal(SIGSTOP);
    Peer reader = fork_peer([&] {
      Buffer message;
      expect_status(pipe.receive(message, Deadline::never()), Status::ok, "the long receive");
      expect_numbered(message, kLong, 0);
    });
    nap(100ms);
    writer.signal(SIGCONT);
    writer.finish();
    reader.finish();
  });
}

void expect_corrupt_for_all(LockedPipe& pipe) {
  Buffer message(kBytes);
  for (const Deadline deadline : {Deadline::never(), Deadline::after(patience), Deadline::now()}) {
    expect_status(pipe.receive(message, deadline), Status::corrupt,
                  "receive after a reader was killed");
    expect_status(pipe.ready(deadline), Status::ok, "ready after a reader was killed");
    message.resize(kBytes);
    expect_status(pipe.send(message.bytes(), deadline), Status::corrupt,
                  "send after a reader was killed");
  }
}

// One that has read a length, and waits for the message.
Peer reader_between_its_reads(LockedPipe& pipe) {
  std::byte header[kFrameHeader];
  encode_frame_header(kBytes, header);
  Peer reader = fork_peer([&pipe] { take(pipe, 0, Deadline::never()); });
  write_raw(pipe, header);
  while (bytes_in(pipe) != 0) nap(1ms);
  return reader;
}

template <class Receive>
void expect_no_memory(Receive&& receive) {
  Buffer message;
  bool refused = false;
  try {
    static_cast<void>(receive(message));
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  expect(refused, "there was memory for the message");
}

TEST(LockedPipeProcesses, ReaderKilledInsideAMessageIsCorruptForAllAtOnce) {
  expect_good([] {
    LockedPipe pipe(kCapacity);
    Peer victim = reader_between_its_reads(pipe);
    Peer behind = fork_peer([&] {
      Buffer message;
      expect_status(pipe.receive(message, Deadline::never()), Status::corrupt, "receive behind it");
    });
    nap(40ms);
    victim.kill();
    behind.finish();
    expect_corrupt_for_all(pipe);
    fork_peer([&] { expect_corrupt_for_all(pipe); }).finish();
  });
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which need all the addresses
TEST(LockedPipeProcesses, ReaderWithoutMemoryForAMessageLetsGoOfTheLock) {
  expect_good([] {
    LockedPipe pipe(kCapacity);
    std::byte header[kFrameHeader];
    encode_frame_header(kMaxFrame, header);
    write_raw(pipe, header);
    fork_peer([&] {
      const rlimit limit{std::size_t{1} << 30, std::size_t{1} << 30};
      if (setrlimit(RLIMIT_AS, &limit) != 0) throw_errno("setrlimit");
      expect_no_memory([&](Buffer& message) { return pipe.receive(message, Deadline::never()); });
    }).finish();
    expect_corrupt_for_all(pipe);
  });
}

TEST(LockedPipeProcesses, ReaderOfAFeederWithoutMemoryGivesTheSlotBack) {
  expect_good([] {
    Feeder<LockedPipe> queue({.max_items = 1, .capacity_bytes = kCapacity});
    const auto end = queue.open();
    const Endless message;  // longer than what malloc may still have from other tests
    expect_status(end->send(message.bytes()), Status::ok, "the long send");
    fork_peer([&] {
      const auto reader = queue.open();
      const rlimit none{1, 1};
      if (setrlimit(RLIMIT_AS, &none) != 0) throw_errno("setrlimit");
      expect_no_memory([&](Buffer& received) { return reader->receive(received); });
    }).finish();
    const Buffer next(kBytes);
    expect_status(end->send_until(next.bytes(), Deadline::after(patience)), Status::corrupt,
                  "the next send");
    end->abandon_unsent();  // nobody will read the rest
  });
}
#endif

// False when the reader had not begun so soon after its start.
bool reader_is_killed_inside(std::chrono::milliseconds after_its_start) {
  LockedPipe pipe(kCapacity);
  Peer victim = fork_peer([&] { take(pipe, 0, Deadline::never()); });
  Peer writer = fork_peer([&] {
    const Endless message;
    pipe.send(message.bytes(), Deadline::never());
    expect_status(pipe.send(message.bytes(), Deadline::never()), Status::corrupt, "the next send");
  });
  nap(after_its_start);
  victim.kill();
  Buffer message;
  Status status = pipe.receive(message, Deadline::never());
  if (status == Status::ok) return false;
  const Deadline limit = Deadline::after(patience);
  while (!writer.wait(Deadline::now()) && !limit.passed()) {
    expect_status(status, Status::corrupt, "receive");
    status = pipe.receive(message, Deadline::never());
  }
  expect(!limit.passed(), "the writer hangs");
  writer.finish();
  expect_corrupt_for_all(pipe);
  return true;
}

TEST(LockedPipeProcesses, ReaderKilledInsideALongMessageDoesNotHoldItsWriter) {
  expect_good([] {
    std::chrono::milliseconds after_its_start = 5ms;
    while (!reader_is_killed_inside(after_its_start)) {
      after_its_start *= 2;
      expect(after_its_start < patience, "the reader does not begin");
    }
  });
}

TEST(LockedPipeProcesses, StoppedWriterDelaysCorruptNoLongerThanTheDeadline) {
  expect_good([] {
    LockedPipe pipe(kCapacity);
    Peer victim = reader_between_its_reads(pipe);
    nap(40ms);
    victim.kill();
    Peer writer = fork_peer([&] {
      const Buffer message(16 * kCapacity);
      pipe.send(message.bytes(), Deadline::never());
    });
    while (static_cast<std::size_t>(bytes_in(pipe)) < kCapacity / 2) nap(1ms);
    writer.signal(SIGSTOP);
    Buffer message;
    expect_status(pipe.receive(message, Deadline::after(20ms)), Status::corrupt, "receive");
    writer.signal(SIGCONT);
    expect_status(pipe.receive(message, Deadline::never()), Status::corrupt, "the next receive");
    writer.finish();
  });
}

// One of two writers or two readers, at any moment, with messages of one or many pages. A killed
// writer costs the message that it was sending, a killed reader the one that it was receiving, or
// makes the rest corrupt. The others do not notice.
TEST(LockedPipeProcesses, ManyKillsLoseNoMoreThanTheVictimHadInHand) {
  expect_good([] {
    constexpr std::uint32_t kEach = 20'000;
    std::mt19937 random(7);
    std::size_t corrupt_rounds = 0;
    constexpr std::size_t kRounds = 80;
    for (std::size_t round = 0; round < kRounds; ++round) {
      constexpr std::size_t kSizes[] = {64, 4093, 20'000, 200'000};
      const std::size_t size = kSizes[random() % 4];
      const std::size_t victim = random() % 4;  // 0 and 1 write
      LockedPipe pipe(kCapacity);
      Tally tally(2, kEach);
      Signal sent[2];
      Signal stop_writing;
      Signal stop_reading;
      std::vector<Peer> crowd;
      for (std::uint32_t i = 0; i < 2; ++i) {
        crowd.push_back(fork_peer([&, i] {
          Buffer message;
          for (std::uint64_t n = 0; n < kEach && stop_writing.raised() == 0; ++n) {
            fill(message, size, n, i);
            const Status status = pipe.send(message.bytes(), Deadline::never());
            if (status == Status::corrupt) return;
            expect_status(status, Status::ok, "send of message ", n);
            sent[i].raise();
          }
        }));
      }
      const auto read = [&](Signal& until) {
        Arrivals arrivals(tally);
        Buffer message;
        for (;;) {
          const Status status = pipe.receive(message, Deadline::after(10ms));
          if (status == Status::ok) {
            arrivals.see(tag_of(message, size));
          } else if (until.raised() != 0) {
            return status;
          } else if (status == Status::corrupt) {
            nap(1ms);
          } else {
            expect_status(status, Status::timed_out, "receive");
          }
        }
      };
      for (int i = 0; i < 2; ++i) {
        crowd.push_back(fork_peer([&] { static_cast<void>(read(stop_reading)); }));
      }
      nap(std::chrono::microseconds(1000 + random() % 4000));
      crowd[victim].kill();
      const auto expect_end = [&](std::size_t i) {
        if (i == victim) return;
        expect(crowd[i].wait(Deadline::after(patience)).has_value(), "round ", round, ": user ", i,
               " hangs after user ", victim, " was killed, messages of ", size, " bytes");
        crowd[i].finish();
      };
      nap(1ms);
      stop_writing.raise();
      for (std::size_t i : {0u, 1u}) expect_end(i);
      stop_reading.raise();
      for (std::size_t i : {2u, 3u}) expect_end(i);
      if (read(stop_reading) == Status::corrupt) {  // what is left
        expect(victim >= 2, "a killed writer made the pipe corrupt");
        ++corrupt_rounds;
        continue;
      }
      std::uint64_t lost = 0;
      for (std::uint32_t i = 0; i < 2; ++i) {
        for (std::uint64_t n = 0; n < sent[i].raised(); ++n)
          if (!tally.came(i, n)) ++lost;
      }
      expect(lost <= (victim < 2 ? 0u : 1u), lost, " messages were lost, user ", victim,
             " was killed");
    }
    expect(corrupt_rounds < kRounds / 2, "corrupt in ", corrupt_rounds, " rounds");
  });
}

}  // namespace
}  // namespace ipc
