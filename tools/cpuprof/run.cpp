// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include <fmt/format.h>
#include <sys/resource.h>

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

// A recording may be of more files than a shell lets a program open.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
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
  cli::say_guessed_formats("cpuprof", options.common);
  if (!options.common.from.empty() || !options.common.before.empty()) {
    raise_descriptor_limit();
  }
  if (!options.common.from.empty()) return render(options);
  if (!options.common.before.empty()) return compare(options);
  return cli::with_command("cpuprof", options.command,
                           [&] { return profile(options, argv); });
}

}  // namespace sightline::cpuprof
