// SPDX-License-Identifier: MIT
// Endpoints broken on purpose, each in one way, to see that the contracts' checks find it. Each is
// made from a sound endpoint of either family, through whose put(), get() and ready() all calls go.
#pragma once

#include <fcntl.h>
#include <mqueue.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "impl/driver/check_test.h"
#include "impl/os/buffer.h"
#include "impl/os/unique_fd.h"
#include "impl/os/unique_name.h"

namespace ipc {

using Bytes = std::span<const std::byte>;

// What those of the faults leave that leave something.
inline constexpr char kLeftQueue[] = "/ipcbench_broken";
inline std::string left_folder() {
  return std::filesystem::temp_directory_path() / (std::string(kTemporaryFolder) + "broken");
}

// The calls of an endpoint on put() and get(), which a family's sound endpoint implements.
class SoundCalls {
 public:
  SoundCalls() = default;
  virtual ~SoundCalls() = default;
  SoundCalls(const SoundCalls&) = delete;
  SoundCalls& operator=(const SoundCalls&) = delete;

  Status send(Bytes message) { return put(message, Deadline::never()); }
  Status receive(Buffer& message) { return get(message, Deadline::never()); }
  Status send_until(Bytes message, Deadline deadline) { return put(message, deadline); }
  Status receive_until(Buffer& message, Deadline deadline) { return get(message, deadline); }
  virtual Status ready(Deadline deadline) = 0;

  static constexpr std::size_t kMaxMessage = 1 << 20;

 protected:
  virtual Status put(Bytes message, Deadline deadline) = 0;
  virtual Status get(Buffer& message, Deadline deadline) = 0;

  std::uint64_t number_ = 0;     // for those who count
  std::vector<std::byte> held_;  // for those who hold a message back
};

template <class Sound>
class Drops : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    return ++this->number_ % 100 == 0 ? Status::ok : Sound::put(message, deadline);
  }
};

template <class Sound>
class Doubles : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    if (++this->number_ % 100 == 0) static_cast<void>(Sound::put(message, deadline));
    return Sound::put(message, deadline);
  }
};

template <class Sound>
class Reorders : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    if (++this->number_ % 100 == 0) {
      this->held_.assign(message.begin(), message.end());
      return Status::ok;
    }
    const Status status = Sound::put(message, deadline);
    if (!this->held_.empty())
      static_cast<void>(Sound::put(std::exchange(this->held_, {}), deadline));
    return status;
  }
};

// The end of a message is that of the one before.
template <class Sound>
class Tears : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    std::vector<std::byte> torn(message.begin(), message.end());
    const std::size_t half = std::min(torn.size(), this->held_.size()) / 2;
    if (++this->number_ % 5 == 0) std::copy_n(this->held_.rbegin(), half, torn.rbegin());
    this->held_.assign(message.begin(), message.end());
    return Sound::put(torn, deadline);
  }
};

template <class Sound>
class Truncates : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    return Sound::put(message.first(std::min<std::size_t>(message.size(), 65536)), deadline);
  }
};

template <class Sound>
class Hangs : public Sound {
  using Sound::Sound;
  Status get(Buffer& message, Deadline deadline) override {
    while (this->number_ == 500) nap(std::chrono::seconds(1));
    ++this->number_;
    return Sound::get(message, deadline);
  }
};

template <class Sound>
class LosesEmpty : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    return message.empty() ? Status::ok : Sound::put(message, deadline);
  }
};

template <class Sound>
class TakesTooBig : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    return message.size() > Sound::kMaxMessage ? Status::ok : Sound::put(message, deadline);
  }
};

template <class Sound>
class NeverFull : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    const Status status = Sound::put(message, deadline);
    return status == Status::timed_out ? Status::ok : status;
  }
};

// The message that it refused goes out with the next one.
template <class Sound>
class SendsTheRefused : public Sound {
  using Sound::Sound;
  Status put(Bytes message, Deadline deadline) override {
    const Deadline moment = Deadline::after(std::chrono::milliseconds(20));
    if (!this->held_.empty() && Sound::put(this->held_, moment) == Status::ok) this->held_.clear();
    const Status status = Sound::put(message, deadline);
    if (status == Status::timed_out) this->held_.assign(message.begin(), message.end());
    return status;
  }
};

template <class Sound>
class IgnoresDeadlines : public Sound {
  using Sound::Sound;
  Status get(Buffer& message, Deadline) override { return Sound::get(message, Deadline::never()); }
};

template <class Sound>
class GivesUpAtOnce : public Sound {
  using Sound::Sound;
  Status get(Buffer& message, Deadline deadline) override {
    return Sound::get(message, deadline.is_never() ? deadline : Deadline::now());
  }
};

// What comes just after the deadline is taken and lost.
template <class Sound>
class TakesInVain : public Sound {
  using Sound::Sound;
  Status get(Buffer& message, Deadline deadline) override {
    const Status status = Sound::get(message, deadline);
    const Deadline moment = Deadline::after(std::chrono::milliseconds(1));
    if (status == Status::timed_out) static_cast<void>(Sound::get(message, moment));
    return status;
  }
};

// Takes an interruption for an end.
template <class Sound>
class MindsSignals : public Sound {
  using Sound::Sound;
  Status get(Buffer& message, Deadline deadline) override {
    return usleep(2000) == 0 ? Sound::get(message, deadline) : Status::system_error;
  }
};

template <class Sound>
class AlwaysReady : public Sound {
 public:
  using Sound::Sound;
  Status ready(Deadline) override { return Status::ok; }
};

// A buffer of two messages, which dies with the process.
template <class Sound>
class Buffers : public Sound {
 public:
  using Sound::Sound;
  ~Buffers() override { write_out(0); }

 private:
  Status put(Bytes message, Deadline) override {
    buffer_.emplace_back(message.begin(), message.end());
    write_out(2);
    return Status::ok;
  }
  void write_out(std::size_t but) {
    for (; buffer_.size() > but; buffer_.pop_front()) {
      static_cast<void>(Sound::put(buffer_.front(), Deadline::never()));
    }
  }
  std::deque<std::vector<std::byte>> buffer_;
};

template <class Sound>
class LeaksDescriptor : public Sound {
 public:
  template <class... Args>
  explicit LeaksDescriptor(Args&&... args) : Sound(std::forward<Args>(args)...) {
    static_cast<void>(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
};

template <class Sound>
class LeavesObject : public Sound {
 public:
  template <class... Args>
  explicit LeavesObject(Args&&... args) : Sound(std::forward<Args>(args)...) {
    UniqueFd(shm_open(Sound::kLeftObject, O_RDWR | O_CREAT, 0600));
  }
};

// A name in the folder for temporary files, as the pipe fifo has one for a moment.
template <class Sound>
class LeavesFolder : public Sound {
 public:
  template <class... Args>
  explicit LeavesFolder(Args&&... args) : Sound(std::forward<Args>(args)...) {
    std::filesystem::create_directory(left_folder());
  }
};

template <class Sound>
class LeavesQueue : public Sound {
 public:
  template <class... Args>
  explicit LeavesQueue(Args&&... args) : Sound(std::forward<Args>(args)...) {
    UniqueFd(mq_open(kLeftQueue, O_RDWR | O_CREAT, 0600, nullptr));
  }
};

template <class Entry>
struct Broken {
  Entry entry;
  std::string check;  // the one that must find it
  std::string words;  // in what it says
  bool with_threads = true;
};

template <class Entry>
struct BrokenCase {
  Broken<Entry> broken;
  Peers peers;

  std::string name() const {
    return broken.entry.name + (peers == Peers::threads ? "_Threads" : "_Processes");
  }
  friend std::ostream& operator<<(std::ostream& out, const BrokenCase& self) {
    return out << self.name();
  }
};

template <class Entry>
std::vector<BrokenCase<Entry>> broken_cases(const std::vector<Broken<Entry>>& all) {
  std::vector<BrokenCase<Entry>> cases;
  for (const Broken<Entry>& broken : all) {
    if (broken.with_threads) cases.push_back({broken, Peers::threads});
    cases.push_back({broken, Peers::processes});
  }
  return cases;
}

// What the check that names the fault says, run in a process, as it may hang. It is asked again
// where it finds nothing: what a kill or a stop at a random moment falls into is chance.
template <class Entry>
std::string named_verdict(const BrokenCase<Entry>& one, const std::vector<Check<Entry>>& checks) {
  constexpr int kTimes = 8;
  const auto check = std::ranges::find(checks, one.broken.check, &Check<Entry>::name);
  if (check == checks.end()) return "there is no such check";
  const bool hangs = one.broken.words == "no end";
  patience = std::chrono::seconds(5);
  for (int i = 0; i < kTimes; ++i) {
    const Verdict wrong = run_check(*check, one.broken.entry, one.peers, Peers::processes,
                                    hangs ? std::chrono::seconds(1) : kCheckLimit);
    if (wrong) return *wrong;
  }
  return "it finds nothing wrong";
}

}  // namespace ipc
