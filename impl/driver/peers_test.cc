// SPDX-License-Identifier: MIT
#include "impl/driver/peers_test.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "impl/driver/payload.h"

namespace ipc {
namespace {

constexpr std::chrono::milliseconds kSlice{20};
constexpr std::chrono::milliseconds kGrace{200};  // for a failed check to clean up

// The first thing that went wrong in a check, in memory that all its peers share.
class Report {
 public:
  void fail(const std::string& text) {
    std::uint32_t none = kNone;
    if (!state_.compare_exchange_strong(none, kWriting)) return;
    text_[text.copy(text_, sizeof text_ - 1)] = '\0';
    state_.store(kFailed, std::memory_order_release);  // pairs with the acquire in failed()
  }
  bool failed() const { return state_.load(std::memory_order_acquire) == kFailed; }
  std::string text() const { return text_; }

  void end() { ended_.store(true, std::memory_order_release); }
  bool ended() const { return ended_.load(std::memory_order_acquire); }

 private:
  enum : std::uint32_t { kNone, kWriting, kFailed };
  std::atomic<std::uint32_t> state_{kNone};
  std::atomic<bool> ended_{false};
  char text_[1000] = {};
};
using SharedReport = std::shared_ptr<Shared<Report>>;

thread_local SharedReport current;  // of the check that this thread works for

class CheckFailed : public std::exception {
 public:
  const char* what() const noexcept override { return "the check has failed"; }
};

// True when the body came to its end.
bool run_reported(SharedReport report, const std::function<void()>& body) {
  current = std::move(report);
  try {
    body();
    return true;
  } catch (const CheckFailed&) {
  } catch (const std::exception& error) {
    (*current)->fail(std::string("exception: ") + error.what());
  } catch (...) {
    (*current)->fail("an exception of unknown type");
  }
  return false;
}

Verdict verdict_on_child(Child& child, const Report& report, Deadline deadline) {
  std::optional<int> status;
  while (!status && !deadline.passed()) {
    if (report.failed()) deadline = deadline.within(kGrace);
    status = child.wait(deadline.within(kSlice));
  }
  if (report.failed()) return report.text();
  if (!status) return "no end";
  if (*status < 0) return std::string("ended by a signal: ") + strsignal(-*status);
  if (*status > 0) return "ended with status " + std::to_string(*status);
  return std::nullopt;
}

Verdict verdict_on_thread(std::thread& thread, const Report& report, Deadline deadline) {
  while (!report.ended() && !deadline.passed()) {
    if (report.failed()) deadline = deadline.within(kGrace);
    nap(std::chrono::milliseconds(1));
  }
  const bool ended = report.ended();
  ended ? thread.join() : thread.detach();
  if (report.failed()) return report.text();
  return ended ? Verdict() : Verdict("no end");
}

}  // namespace

void fail(const std::string& text) {
  (*current)->fail(text);
  throw CheckFailed();
}

Verdict watched(Peers where, std::chrono::seconds limit, const std::function<void()>& body) {
  const auto report = std::make_shared<Shared<Report>>();
  Verdict verdict;
  if (where == Peers::processes) {
    Child child = fork_child([&] { return run_reported(report, body) ? 0 : 1; });
    verdict = verdict_on_child(child, **report, Deadline::after(limit));
  } else {
    std::thread thread([report, body] {
      run_reported(report, body);
      (*report)->end();
    });
    verdict = verdict_on_thread(thread, **report, Deadline::after(limit));
  }
  if (verdict == "no end")
    *verdict += " within " + std::to_string(limit.count()) + " s: something hangs";
  return verdict;
}

Peer::Peer(Peers where, const std::function<void()>& body) {
  if (where == Peers::processes) {
    child_.emplace(fork_child([&] { return run_reported(current, body) ? 0 : 1; }));
  } else {
    thread_ = std::thread([report = current, body] { run_reported(report, body); });
  }
}

Peer::~Peer() {
  if (thread_.joinable()) thread_.join();
}

void Peer::finish() {
  if (child_) {
    const std::optional<int> status = child_->wait(Deadline::never());
    expect(*status >= 0, "a peer was ended by a signal: ", strsignal(-*status));
    expect(*status == 0, "a peer ended with status ", *status);
  } else {
    thread_.join();
  }
  if ((*current)->failed()) throw CheckFailed();
}

void Peer::kill() {
  child_->signal(SIGKILL);
  child_->wait(Deadline::never());
}

void Signal::raise() { word_->fetch_add(1, std::memory_order_release); }

void Signal::wait(std::uint32_t times) {
  const Deadline deadline = Deadline::after(patience);
  while (raised() < times) {
    if ((*current)->failed()) throw CheckFailed();
    expect(!deadline.passed(), "a peer did not get as far as it should");
    nap(std::chrono::microseconds(200));
  }
}

Tally::Tally(std::uint32_t producers, std::uint32_t each)
    : producers_(producers), each_(each), cells_(std::size_t{producers} * each) {}

std::atomic<std::uint8_t>& Tally::cell(std::uint32_t producer, std::uint64_t sequence) const {
  static_assert(sizeof(std::atomic<std::uint8_t>) == 1);
  auto* cells = static_cast<std::atomic<std::uint8_t>*>(cells_.address());
  return cells[std::size_t{producer} * each_ + sequence];
}

bool Tally::came(std::uint32_t producer, std::uint64_t sequence) const {
  return cell(producer, sequence).load(std::memory_order_acquire) != 0;
}

void Tally::count(std::uint64_t tag) {
  const std::uint32_t producer = producer_of(tag);
  const std::uint64_t sequence = sequence_of(tag);
  expect(producer < producers_ && sequence < each_, "message ", sequence, " of producer ", producer,
         " came, which nobody sent");
  const bool first = cell(producer, sequence).fetch_add(1, std::memory_order_acq_rel) == 0;
  expect(first, "message ", sequence, " of producer ", producer, " came twice");
  arrived_->fetch_add(1, std::memory_order_acq_rel);
}

void Tally::expect_all() const {
  for (std::uint32_t producer = 0; producer < producers_; ++producer) {
    for (std::uint64_t sequence = 0; sequence < each_; ++sequence) {
      expect(came(producer, sequence), "message ", sequence, " of producer ", producer,
             " was lost");
    }
  }
}

void Arrivals::see(std::uint64_t tag) {
  tally_.count(tag);
  const std::uint32_t producer = producer_of(tag);
  const std::uint64_t sequence = sequence_of(tag);
  if (producer >= next_.size()) next_.resize(producer + 1);
  expect(!ordered_ || sequence >= next_[producer], "message ", sequence, " of producer ", producer,
         " came out of order, after message ", next_[producer] - 1);
  next_[producer] = sequence + 1;
}

}  // namespace ipc
