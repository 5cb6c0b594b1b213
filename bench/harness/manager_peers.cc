// SPDX-License-Identifier: MIT
#include "bench/harness/manager_peers.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "impl/manager/containers.h"
#include "impl/manager/locks.h"
#include "impl/manager/rendezvous.h"
#include "impl/manager/server.h"
#include "impl/manager/values.h"
#include "impl/os/error.h"

namespace ipc::bench {
namespace {

constexpr const char* kKey = "of this benchmark";

std::unique_ptr<Team> start(const ManagerEntry& entry, const Keys& keys, const RunOptions& options,
                            const std::function<Job(const ManagerServer&)>& open) {
  const auto server = std::make_shared<ManagerServer>(entry);
  TeamPlan plan;
  plan.bytes = keys.bytes;
  plan.placement = *keys.placement;
  plan.clock = Clock::all;
  plan.backend = server;
  plan.helpers = {{.name = "server", .serve = [server] { server->serve(); }}};
  for (int i = 0; i < keys.clients; ++i) {
    plan.producers.push_back({.name = "client " + std::to_string(i),
                              .number = static_cast<std::uint32_t>(i),
                              .share = keys.clients,
                              .open = [server, open] { return open(*server); }});
  }
  return std::make_unique<Team>(std::move(plan), options);
}

std::optional<std::string> why_not(const ManagerEntry& entry,
                                   std::initializer_list<std::string_view> operations,
                                   const Keys& keys) {
  for (const std::string_view each : operations) {
    if (!entry.has(each)) return "it has no operation " + std::string(each);
  }
  return reason_to_skip(entry.traits, keys, keys.clients + 1);
}

const RegisterBackends registered_backends(backends_of<ManagerRegistry>);

}  // namespace

ManagerServer::ManagerServer(const ManagerEntry& entry)
    : host_(entry.make("")),
      place_{entry.name, host_->address()},
      stop_(eventfd(0, EFD_CLOEXEC)),
      serves_(eventfd(0, EFD_CLOEXEC)),
      owner_(getpid()) {
  if (!stop_ || !serves_) throw_errno("eventfd");
}

ManagerServer::~ManagerServer() {
  if (getpid() == owner_) host_->remove();
}

void ManagerServer::serve() {
  auto* const server = new detail::Server(place_, kKey,
                                          {{"dict", detail::make_dict},
                                           {"list", detail::make_list},
                                           {"Namespace", detail::make_namespace},
                                           {"Value", detail::make_value},
                                           {"Lock", detail::make_lock},
                                           {"Queue", detail::make_queue},
                                           {"Event", detail::make_event}},
                                          stop_.get());
  server->set_here();
  host_->begin(*server);
  if (eventfd_write(serves_.get(), 1) != 0) throw_errno("eventfd");
  host_->serve(*server, -1);
}

std::shared_ptr<Manager> ManagerServer::connect() const {
  if (poll_until(serves_.get(), POLLIN, Deadline::never()) < 0) throw_errno("poll");
  auto manager = std::make_shared<Manager>(ManagerOptions{
      .backend = place_.backend, .address = place_.address, .authkey = kKey, .start = false});
  manager->connect();
  return manager;
}

void expect(bool holds) {
  if (!holds) throw std::runtime_error("a call gave another result than it should");
}

Object value_of(std::uint64_t number, std::size_t bytes) {
  if (bytes == 0) return static_cast<std::int64_t>(number);
  return Object::bytes(std::vector<std::byte>(bytes, static_cast<std::byte>(number % 2)));
}

std::function<Job(const ManagerServer&)> on_a_manager(std::function<Job(const Manager&)> open) {
  return [open = std::move(open)](const ManagerServer& server) -> Job {
    const auto manager = server.connect();
    return [manager, job = open(*manager)](const LoopPlan& batch) { return job(batch); };
  };
}

Series manager_series(const char* question, const ManagerEntry& entry,
                      std::initializer_list<std::string_view> operations, const Keys& keys,
                      std::function<Job(const ManagerServer&)> open) {
  return {.question = question,
          .backend = entry.name,
          .keys = keys,
          .metric = Metric::throughput,
          .wait_class = std::string(to_string(entry.traits.wait_class)),
          .skip = why_not(entry, operations, keys),
          .start = [&entry, keys, open = std::move(open)](const RunOptions& options) {
            return start(entry, keys, options, open);
          }};
}

}  // namespace ipc::bench
