// SPDX-License-Identifier: MIT
#include "impl/process/task.h"

#include <cstdio>
#include <typeinfo>

#include "impl/codec/utf8.h"
#include "impl/driver/errors.h"
#include "impl/os/type_name.h"
#include "impl/process/process.h"

namespace ipc::detail {
namespace {

constexpr std::byte kValue{0};
constexpr std::byte kError{1};

Bytes error_message(const std::string& type, std::string_view text) {
  Bytes message{kError};
  encode(std::tuple(type, as_utf8(text)), message);
  return message;
}

}  // namespace

void require_carried(std::size_t bytes, std::span<const std::byte> encoded, std::string_view what,
                     std::size_t most) {
  if (bytes <= most) return;
  withdraw(encoded);
  throw MessageTooBig(std::string(what) + " has " + std::to_string(bytes) + " bytes; at most " +
                      std::to_string(most) + " go to a worker and back");
}

void forget_task(std::span<const std::byte> task) { withdraw(task.subspan(sizeof(TaskHead))); }

Bytes run_task(std::span<const std::byte> task, std::size_t most) {
  try {
    TaskHead head;
    std::memcpy(&head, task.data(), sizeof head);
    Bytes outcome{kValue};
    head.run(head.function, task.subspan(sizeof head), outcome);
    require_carried(outcome.size(), std::span(outcome).subspan(1), "the result of a task", most);
    return outcome;
  } catch (const Exit&) {
    throw;  // ends the worker, as in Python
  } catch (const std::exception& error) {
    return error_message(type_name(typeid(error)), error.what());
  } catch (...) {
    return error_message("unknown", "what was thrown is no std::exception");
  }
}

bool is_error(std::span<const std::byte> outcome) { return outcome[0] == kError; }

std::span<const std::byte> value_in(std::span<const std::byte> outcome) {
  if (outcome[0] == kValue) return outcome.subspan(1);
  const auto [type, text] = decode<std::tuple<std::string, std::string>>(outcome.subspan(1));
  throw TaskError(type, text);
}

void report_callback(std::exception_ptr error) {
  try {
    std::rethrow_exception(std::move(error));
  } catch (const std::exception& what) {
    std::fprintf(stderr, "a callback of a pool threw %s: %s\n", type_name(typeid(what)).c_str(),
                 what.what());
  } catch (...) {
    std::fprintf(stderr, "a callback of a pool threw what is no std::exception\n");
  }
}

}  // namespace ipc::detail
