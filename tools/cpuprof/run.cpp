// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include "cli/command_run.h"
#include "cli/exit_status.h"
#include "cli/features.h"
#include "cli/program.h"
#include "compare.h"
#include "cpuprof_man_page.h"
#include "options.h"
#include "profiler.h"
#include "render.h"

namespace sightline::cpuprof {
namespace {

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
                         detailed ? cli::feature_lines() : std::string()));
    return cli::status_done;
  }
  options.command = std::move(parsed.command);
  SL_CHECK(check(options));
  if (!options.common.from.empty()) return render(options);
  if (!options.common.before.empty()) return compare(options);
  return cli::with_command("cpuprof", options.command,
                           [&] { return profile(options, argv); });
}

}  // namespace sightline::cpuprof
