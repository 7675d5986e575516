// SPDX-License-Identifier: Apache-2.0
// What every tool does around a traced command: which status stands for what,
// how it is let go, and how it is waited for.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/command.h"
#include "cli/session.h"

namespace sightline::cli {

// Runs `measure`. With a command each failure has a status of its own, and is
// said on stderr: 127 and 126 when it is not there or not executable, 125 when
// `measure` fails.
Result<int> with_command(std::string_view tool,
                         const std::vector<std::string>& command,
                         const std::function<Result<int>()>& measure);

// Lets a held command go. Returns the exit status when it could not be
// executed, which is said on stderr. Fails with errno.
Result<std::optional<int>> start_command(std::string_view tool,
                                         Command& command,
                                         const std::string& name);

// Waits for a command, which may outlive the measurement: its status is ours.
// Says so when it goes on after the time, the targets, or the signal that ended
// the measurement; one that was for the tool alone is passed on. Gives all
// signals their default effect. Fails with errno.
Result<int> end_command(std::string_view tool, Command& command,
                        const End& end);

// What is left of a measurement that failed: when its command runs, says why on
// stderr, waits for the command, and returns its status, 125 for 0. Gives all
// signals their default effect. Fails as the measurement did without one.
Result<int> outlive_failure(std::string_view tool,
                            std::optional<Command>& command, Error error);

}  // namespace sightline::cli
