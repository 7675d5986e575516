// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include "cli/command_run.h"
#include "cli/exit_status.h"
#include "cli/features.h"
#include "cli/program.h"
#include "options.h"
#include "snoop.h"
#include "tcpconnect_man_page.h"

namespace sightline::tcpconnect {

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
  return cli::with_command("tcpconnect", options.command, [&]() -> Result<int> {
    auto snoop = SL_TRY(Snoop::open(options, argv));
    return snoop->run();
  });
}

}  // namespace sightline::tcpconnect
