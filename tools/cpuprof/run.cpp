// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include <fmt/format.h>

#include "cli/exit_status.h"
#include "cli/features.h"
#include "cli/program.h"
#include "cpuprof_man_page.h"
#include "options.h"
#include "profiler.h"

namespace sightline::cpuprof {
namespace {

std::string feature_lines() {
  std::string text;
  for (const auto& [label, value] : cli::describe(cli::read_system_facts())) {
    text += fmt::format("{}: {}\n", label, value);
  }
  return text;
}

Result<int> profile(const Options& options, std::span<char* const> argv) {
  auto profiler = SL_TRY(Profiler::open(options, argv));
  return profiler->run();
}

}  // namespace

Result<int> run(std::span<char* const> argv) {
  Options options;
  auto table = option_table(options);
  auto parsed = SL_TRY(table.parse(argv));
  if (parsed.action != cli::Action::run) {
    bool detailed =
        parsed.action == cli::Action::version && options.common.verbosity > 0;
    SL_CHECK(cli::answer(table, parsed, man_page,
                         detailed ? feature_lines() : std::string()));
    return cli::status_done;
  }
  options.command = std::move(parsed.command);
  SL_CHECK(check(options));
  auto status = profile(options, argv);
  if (status || options.command.empty()) return status;
  // With a command, the tool's own failure has a status of its own.
  cli::say(cli::error_message("cpuprof", status.error()));
  return cli::status_command_failed;
}

}  // namespace sightline::cpuprof
