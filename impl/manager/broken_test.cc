// SPDX-License-Identifier: MIT
// Managers broken on purpose, each in one way: the tests of managers must reject each, by the one
// that names the fault, and accept the sound one that they are made from. This program has those
// tests as well, and runs them in processes of their own.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "impl/manager/unix_listener.h"
#include "impl/os/run_program_test.h"
#include "impl/os/socket.h"

namespace ipc {
namespace {

using detail::Role;

constexpr std::size_t kLarge = 100'000;  // bytes

class SoundLink : public Link {
 public:
  SoundLink(UniqueFd socket, Role role) : role_(role), link_(std::move(socket)) {}
  Status send(std::span<const std::byte> message) override { return link_.send(message); }
  Status receive(Buffer& message) override { return link_.receive(message); }
  void limit(std::size_t most, std::optional<std::chrono::seconds> patience) override {
    link_.limit(most, patience);
  }
  int hang_up_fd() const override { return link_.hang_up_fd(); }

 protected:
  // A call of a client, after the messages that begin a connection and its first calls, which make
  // the objects.
  bool is_call() { return role_ == Role::client && ++number_ > 5; }

  const Role role_;

 private:
  StreamLink link_;
  int number_ = 0;
};

class DoublesRequests : public SoundLink {
  using SoundLink::SoundLink;
  Status send(std::span<const std::byte> message) override {
    if (is_call()) SoundLink::send(message);
    return SoundLink::send(message);
  }
};

// Gives the reply to the call before.
class IsBehind : public SoundLink {
  using SoundLink::SoundLink;
  Status receive(Buffer& message) override {
    const Status status = SoundLink::receive(message);
    if (!is_call()) return status;
    const std::vector<std::byte> this_one(message.bytes().begin(), message.bytes().end());
    if (!before_.empty()) {
      message.resize(before_.size());
      std::ranges::copy(before_, message.bytes().begin());
    }
    before_ = this_one;
    return status;
  }
  std::vector<std::byte> before_;
};

class TearsLargeMessages : public SoundLink {
  using SoundLink::SoundLink;
  Status receive(Buffer& message) override {
    const Status status = SoundLink::receive(message);
    const std::span bytes = message.bytes();
    if (bytes.size() > kLarge) std::ranges::copy(bytes.first(4096), bytes.last(8192).begin());
    return status;
  }
};

class RefusesLargeMessages : public SoundLink {
  using SoundLink::SoundLink;
  Status send(std::span<const std::byte> message) override {
    return message.size() > kLarge ? Status::too_big : SoundLink::send(message);
  }
};

class KnowsNoLimit : public SoundLink {
  using SoundLink::SoundLink;
  void limit(std::size_t, std::optional<std::chrono::seconds> patience) override {
    SoundLink::limit(kLongestMessage, patience);
  }
};

// Does not tell a server that its client has gone while that waits.
class HidesTheEnd : public SoundLink {
 public:
  using SoundLink::SoundLink;
  int hang_up_fd() const override {
    return role_ == Role::server ? never_.ends[0].get() : SoundLink::hang_up_fd();
  }

 private:
  SocketPair never_ = make_socket_pair(SOCK_STREAM);
};

template <class L>
using Over = UnixChannel<L>;

// Accepts one connection at a time.
class OneByOne {
  static inline std::atomic<bool> is_taken{false};
  class Only : public SoundLink {
   public:
    using SoundLink::SoundLink;
    ~Only() override { is_taken = false; }
  };

 public:
  class Listener : public UnixListener {
   public:
    using UnixListener::UnixListener;
    std::unique_ptr<Link> accept() {
      while (is_taken.exchange(true)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      return std::make_unique<Only>(accept_socket(socket()), Role::server);
    }
  };
  static std::unique_ptr<Link> connect(const std::string& address) {
    return Over<SoundLink>::connect(address);
  }
};

class ElsewhereThanAsked {
 public:
  class Listener : public Over<SoundLink>::Listener {
   public:
    explicit Listener(const std::string&) : Over<SoundLink>::Listener("") {}
  };
  static std::unique_ptr<Link> connect(const std::string& address) {
    return Over<SoundLink>::connect(address);
  }
};

struct Broken {
  std::string name;
  std::string test;  // that names the fault
  bool hangs;        // it may do so; then it does, or fails, in one of several tries
};
std::vector<Broken> all_broken;

template <ManagerChannel C>
std::string registered(const std::string& name) {
  const RegisterManager<C> added(name, stream_link_traits("for a test", "none"));
  return name;
}
template <ManagerChannel C>
void add_broken(const std::string& name, const std::string& test, bool hangs = false) {
  all_broken.push_back({registered<C>(name), test, hangs});
}

// Before main, as backends are, for then the tests ask which there are.
const std::string kSound = [] {
  add_broken<Over<DoublesRequests>>("DoublesRequests",
                                    "ManagerContainersProcesses.AListGrowsAndShrinks");
  add_broken<Over<IsBehind>>("IsBehind", "ManagerContainersProcesses.AListIsReadAndWrittenByIndex");
  add_broken<Over<TearsLargeMessages>>("TearsLargeMessages",
                                       "ManagerStoreProcesses.ValuesOfEveryKindAndSizeComeBack");
  add_broken<Over<RefusesLargeMessages>>(
      "RefusesLargeMessages", "ManagerProcesses.LargeValuesComeWholeAndTooLargeOnesAreRefused");
  add_broken<Over<KnowsNoLimit>>("KnowsNoLimit",
                                 "ManagerStrangersProcesses.GetNoMemoryForWhatTheyClaimToSend");
  add_broken<ElsewhereThanAsked>("ElsewhereThanAsked",
                                 "ManagerProcesses.AManagersAddressCanBeChosen");
  add_broken<Over<HidesTheEnd>>("HidesTheEnd", "ManagerWaitingProcesses.AKilledWaiterLosesNoItem",
                                true);
  add_broken<OneByOne>("OneByOne", "ManagerQueueProcesses.AWaitingGetHoldsUpNobody", true);
  return registered<Over<SoundLink>>("sound");
}();

constexpr int kTimedOut = 124;
constexpr std::chrono::seconds kHangs{10};
constexpr std::chrono::seconds kPatience{1500};

// Of this program, with those tests alone.
ProgramResult run_tests(const std::string& names, std::chrono::seconds limit, int times = 1) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  return run_program("env -u GTEST_TOTAL_SHARDS -u GTEST_SHARD_INDEX timeout " +
                     std::to_string(limit.count()) + " '" + program + "' --gtest_filter='" + names +
                     "' --gtest_repeat=" + std::to_string(times));
}
bool says(const ProgramResult& result, const std::string& words) {
  return result.output.find(words) != std::string::npos;
}

class BrokenManagerProcesses : public testing::TestWithParam<Broken> {};

TEST_P(BrokenManagerProcesses, AreRejectedByTheTestThatNamesTheFault) {
  const auto& [name, test, hangs] = GetParam();
  const std::string names = "*/" + test + "/" + name;
  const ProgramResult result = hangs ? run_tests(names, kHangs, 5) : run_tests(names, kPatience);
  EXPECT_TRUE(says(result, "[  FAILED  ]") || (hangs && result.status == kTimedOut))
      << result.output;
}

INSTANTIATE_TEST_SUITE_P(Faults, BrokenManagerProcesses, testing::ValuesIn(all_broken),
                         [](const auto& one) { return one.param.name; });

TEST(BrokenManagersOfProcesses, AreMadeFromASoundOneThatIsAccepted) {
  const ProgramResult result = run_tests("*/" + kSound, kPatience);
  EXPECT_EQ(result.status, 0) << result.output;
  for (const Broken& each : all_broken) {
    EXPECT_TRUE(says(result, "[       OK ] Backends/" + each.test + "/" + kSound)) << each.test;
  }
}

}  // namespace
}  // namespace ipc
