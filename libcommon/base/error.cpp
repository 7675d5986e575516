// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <fmt/format.h>

#include <cstring>
#include <system_error>

namespace sightline {

std::unexpected<Error> fail_errno(std::string what, int err, std::string hint) {
  auto kind = err == EPERM || err == EACCES ? ErrorKind::permission
                                            : ErrorKind::runtime;
  // The generic category's message() is thread-safe, strerror() is not.
  auto reason = std::generic_category().message(err);
  return std::unexpected(
      Error{kind, err, fmt::format("{}: {}", what, reason), std::move(hint)});
}

std::string error_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

}  // namespace sightline
