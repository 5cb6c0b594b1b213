// SPDX-License-Identifier: MIT
#include "impl/queue/served_queue.h"

#include "impl/os/child.h"

namespace ipc {
namespace {

class ServedQueue final : public AnyQueue {
 public:
  explicit ServedQueue(std::unique_ptr<AnyQueue> queue)
      : queue_(std::move(queue)),
        helper_(fork_child([this] {
          queue_->serve();
          return 1;  // nobody has told it to end
        })),
        owner_(getpid()) {}
  ~ServedQueue() override {
    if (getpid() != owner_) helper_.leave_to_parent();
  }

  std::unique_ptr<AnyEndpoint> open() override { return queue_->open(); }
  std::size_t capacity_bytes() const override { return queue_->capacity_bytes(); }
  std::optional<std::uint32_t> size() const override { return queue_->size(); }
  bool has_helper() const override { return false; }  // none that is still to be started
  void serve() override {}

 private:
  std::unique_ptr<AnyQueue> queue_;
  Child helper_;
  const pid_t owner_;
};

}  // namespace

std::unique_ptr<AnyQueue> served(std::unique_ptr<AnyQueue> queue) {
  if (!queue->has_helper()) return queue;
  return std::make_unique<ServedQueue>(std::move(queue));
}

}  // namespace ipc
