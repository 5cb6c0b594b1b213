// SPDX-License-Identifier: MIT
// The errors of the Manager family, and how one that was thrown in the server becomes the same in
// the caller: by its name. What Python calls each stands beside it.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "impl/os/error.h"

namespace ipc {

// What went wrong in the server in a way that has no type of its own here: an unknown object or
// operation, a constructor that threw, a result that no message carries (RemoteError).
class RemoteError : public Error {
 public:
  using Error::Error;
};

// The server has ended, or does not answer any more. Nobody knows whether what was called has been
// done (BrokenPipeError, EOFError, ConnectionResetError, ConnectionRefusedError).
class ServerGone : public Error {
 public:
  using Error::Error;
};

// The two sides have different keys (AuthenticationError).
class AuthenticationError : public Error {
 public:
  using Error::Error;
};

// A manager that is started twice, or after its end (ProcessError).
class ProcessError : public Error {
 public:
  using Error::Error;
};

// A Namespace has no such attribute (AttributeError).
class AttributeError : public Error {
 public:
  using Error::Error;
};

// A release of what is not held, a dict that changed while it was gone through (RuntimeError).
class RuntimeError : public Error {
 public:
  using Error::Error;
};

// A number that the elements of an Array do not hold (OverflowError).
class OverflowError : public Error {
 public:
  using Error::Error;
};

namespace detail {

struct NamedError {
  std::string name;
  std::string text;
};
// Of an error that has no name on the way: RemoteError, with its type in the text.
NamedError named(const std::exception& error);
// Throws it. A name that nobody has given is a RemoteError as well.
[[noreturn]] void throw_named(const NamedError& error);

}  // namespace detail
}  // namespace ipc
