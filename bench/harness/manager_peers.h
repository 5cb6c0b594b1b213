// SPDX-License-Identifier: MIT
// What the questions about managers share: a server, its clients, their cells.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "bench/harness/operations.h"
#include "bench/harness/program.h"
#include "impl/manager/backend.h"
#include "impl/manager/manager.h"
#include "impl/os/unique_fd.h"

namespace ipc::bench {

// A server at the place where it will be; it listens from now on.
class ManagerServer {
 public:
  explicit ManagerServer(const ManagerEntry& entry);
  ~ManagerServer();
  ManagerServer(const ManagerServer&) = delete;
  ManagerServer& operator=(const ManagerServer&) = delete;

  void serve();  // in its process, until that is killed
  // In a client's: throws as Manager::connect.
  std::shared_ptr<Manager> connect() const;

 private:
  const std::unique_ptr<AnyHost> host_;
  const StorePlace place_;
  const UniqueFd stop_;
  const UniqueFd serves_;
  const pid_t owner_;
};

// What a batch gave, and should have; throws std::runtime_error.
void expect(bool holds);
// Of so many bytes; without any, a number. Two that follow each other differ.
Object value_of(std::uint64_t number, std::size_t bytes);

// What opens a client's job on its own connection; the manager is there as long as that.
std::function<Job(const ManagerServer&)> on_a_manager(std::function<Job(const Manager&)> open);

// A cell of a question, skipped where the backend does not do all those operations. `open`: in each
// client's process, what does its share of a batch.
Series manager_series(const char* question, const ManagerEntry& entry,
                      std::initializer_list<std::string_view> operations, const Keys& keys,
                      std::function<Job(const ManagerServer&)> open);

}  // namespace ipc::bench
