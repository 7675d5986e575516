// SPDX-License-Identifier: Apache-2.0
#include "cli/command_run.h"

#include <fmt/format.h>
#include <poll.h>

#include "cli/exit_status.h"
#include "cli/program.h"

namespace sightline::cli {
namespace {

// What a signal ends has ended after this, mostly.
constexpr int moment_ms = 200;

bool ends_within(const Command& command, int timeout_ms) {
  pollfd ended{.fd = command.pidfd(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, timeout_ms) > 0;
}

}  // namespace

Result<int> with_command(std::string_view tool,
                         const std::vector<std::string>& command,
                         const std::function<Result<int>()>& measure) {
  if (command.empty()) return measure();
  auto found = find_command(command[0]);
  if (!found) {
    say(error_message(tool, found.error()));
    return exec_failure(found.error().err);
  }
  auto status = measure();
  if (status) return status;
  say(error_message(tool, status.error()));
  return status_command_failed;
}

Result<std::optional<int>> start_command(std::string_view tool,
                                         Command& command,
                                         const std::string& name) {
  int err = SL_TRY(command.release());
  if (err == 0) return std::nullopt;
  say(error_message(tool, cannot_run(name, err)));
  return SL_TRY(command.wait());
}

Result<int> end_command(std::string_view tool, Command& command,
                        const End& end) {
  bool interrupted = end.reason == EndReason::interrupted;
  if (interrupted && !end.from_terminal) command.signal(end.signal);
  Session::restore_signals();
  bool quietly = end.reason == EndReason::reader_gone;
  if (!quietly && !ends_within(command, interrupted ? moment_ms : 0)) {
    say_hint(fmt::format("{}: waiting for the command to end\n", tool));
  }
  return command.wait();
}

Result<int> outlive_failure(std::string_view tool,
                            std::optional<Command>& command, Error error) {
  if (!command || !command->runs()) return std::unexpected(std::move(error));
  say(error_message(tool, error));
  Session::restore_signals();
  int status = SL_TRY(command->wait());
  return status != 0 ? status : status_command_failed;
}

}  // namespace sightline::cli
