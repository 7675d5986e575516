// SPDX-License-Identifier: Apache-2.0
// What a tool's exit status means, the same in the whole suite. Scripts can
// tell "skip: 3 or 4" from "broken: 1".
#pragma once

#include <span>
#include <string_view>

#include "base/error.h"

namespace sightline::cli {

inline constexpr int status_done = 0;
inline constexpr int status_runtime = 1;
inline constexpr int status_usage = 2;
inline constexpr int status_permission = 3;
inline constexpr int status_unsupported = 4;
inline constexpr int status_loss = 5;
// With `-- CMD`, as env(1) and timeout(1) have them.
inline constexpr int status_command_failed = 125;
inline constexpr int status_not_executable = 126;
inline constexpr int status_not_found = 127;

// The status that stands for an error's kind.
int exit_status(const Error& error);

struct ExitMeaning {
  int status;
  std::string_view meaning;  // a phrase, for --help and the man page
};

// Ascending; with what a traced command adds if the tool runs one.
std::span<const ExitMeaning> exit_meanings(bool takes_command);

}  // namespace sightline::cli
