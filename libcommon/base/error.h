// SPDX-License-Identifier: Apache-2.0
// How libcommon reports failure: a value, never a message on the terminal and
// never an exception over a room's wall. The tool's edge (cli/program.h) turns
// the kind into an exit status and prints the sentence once.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <utility>

namespace sightline {

// What a failure means to the caller. Each kind has an exit status of its own
// (docs: sightline(7), EXIT STATUS).
enum class ErrorKind {
  runtime,      // 1: the system said no at run time (I/O, target gone, ...)
  usage,        // 2: the command line is wrong
  permission,   // 3: a capability, sysctl, limit or lockdown forbids it
  unsupported,  // 4: this kernel or hardware does not have it
};

// One failure. `what` is a whole lower-case sentence without a full stop that
// names what was attempted; `hint` is one action the reader can take, or empty;
// `err` is the errno behind it, or 0.
struct Error {
  ErrorKind kind = ErrorKind::runtime;
  int err = 0;
  std::string what;
  std::string hint;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// A failure that is not about errno.
inline std::unexpected<Error> fail(ErrorKind kind, std::string what,
                                   std::string hint = {}) {
  return std::unexpected(Error{kind, 0, std::move(what), std::move(hint)});
}

// A failed system call: `what` is followed by the text of `err`, which defaults
// to errno. EPERM and EACCES become `permission`, all else `runtime`.
std::unexpected<Error> fail_errno(std::string what, int err = errno,
                                  std::string hint = {});

// `ENOENT`, or the number of an error without a name.
std::string error_name(int error);

}  // namespace sightline

// The value of a Result, or return its error from the enclosing function.
#define SL_TRY(...)                                                       \
  __extension__({                                                         \
    auto sl_result = (__VA_ARGS__);                                       \
    if (!sl_result) return std::unexpected(std::move(sl_result).error()); \
    *std::move(sl_result);                                                \
  })

// The same for a Status, whose success carries no value.
#define SL_CHECK(...)                                                     \
  do {                                                                    \
    auto sl_status = (__VA_ARGS__);                                       \
    if (!sl_status) return std::unexpected(std::move(sl_status).error()); \
  } while (false)
