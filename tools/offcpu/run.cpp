// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include "cli/command_run.h"
#include "cli/exit_status.h"
#include "cli/features.h"
#include "cli/program.h"
#include "offcpu_man_page.h"
#include "options.h"
#include "tracer.h"

namespace sightline::offcpu {
namespace {

Result<int> trace(const Options& options, std::span<char* const> argv) {
  auto tracer = SL_TRY(Tracer::open(options, argv));
  return tracer->run();
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
                         detailed ? cli::feature_lines() : std::string()));
    return cli::status_done;
  }
  options.command = std::move(parsed.command);
  SL_CHECK(check(options));
  cli::say_guessed_formats("offcpu", options.common);
  return cli::with_command("offcpu", options.command,
                           [&] { return trace(options, argv); });
}

}  // namespace sightline::offcpu
