// SPDX-License-Identifier: MIT
// The root of the errors that the typed API raises, and the one way to report a failed system call.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace ipc {

// Base of every error that ipcbench raises itself. Failed system calls are std::system_error.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An argument of the right type with a value that makes no sense (Python's ValueError).
class ValueError : public Error {
 public:
  using Error::Error;
};

// An Object of another kind than the one that was asked for (Python's TypeError).
class TypeError : public Error {
 public:
  using Error::Error;
};

// An index at which there is nothing (Python's IndexError).
class IndexError : public Error {
 public:
  using Error::Error;
};

// A call that the object's state forbids, such as a second start (AssertionError).
class StateError : public Error {
 public:
  using Error::Error;
};

// What only a fork passes on was to go in a message (Python's RuntimeError of the same words).
class InheritanceError : public Error {
 public:
  using Error::Error;
};

// Throws std::system_error for errno. `what` names the call and its object: "shm_open /name".
[[noreturn]] inline void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace ipc
