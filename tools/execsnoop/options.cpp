// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "cli/setters.h"
#include "execsnoop.h"
#include "process/users.h"

namespace sightline::execsnoop {
namespace {

cli::ProgramInfo program_info() {
  return {
      .name = "execsnoop",
      .purpose =
          "Shows each program that is started, with all its arguments, "
          "and each attempt that failed.",
      .usages = {"[OPTION...]", "[OPTION...] -- CMD [ARG...]"},
      .examples =
          {{"execsnoop", "everything that starts, until Ctrl-C"},
           {"execsnoop -x", "only what could not be started, and why"},
           {"execsnoop -l -- make -j2",
            "what a build runs, with time, memory and exit status"},
           {"execsnoop --tree-of 1234", "all that a process starts"},
           {"execsnoop --summary -i 1s", "who starts how many, each second"},
           {"execsnoop -f -d 10 >execs.folded",
            "ten seconds as collapsed stacks, for a flame graph"},
           {"execsnoop -j | jq -r 'select(.type==\"event\").command_line'",
            "command lines to paste into a shell"}},
      .hints = {{"-P", "did you mean --parent PID?"},
                {"-U", "did you mean --uid USER?"},
                {"-l", "-l is --lifetime; -n matches names"},
                {"--fails", "failures are shown; -x shows nothing else"},
                {"--max-args",
                 "--max-args is in bytes; without it 128K are shown"},
                {"--ppid", "did you mean --parent?"},
                {"--print-uid", "the user is always shown"}},
      .takes_command = true};
}

cli::Setter add_processes(std::vector<int>& processes) {
  return [&processes](std::string_view value) -> Status {
    for (auto part : split(value, ',')) {
      auto id = SL_TRY(parse_number(part, 1, 4U << 20));
      cli::add_unique(processes, static_cast<int>(id));
    }
    return {};
  };
}

void add_tree_options(cli::OptionTable& table, Options& options) {
  table.add({.name = "parent",
             .value = "PID[,...]",
             .help = "Only what these processes start; each must exist.",
             .group = "Filtering",
             .completion = cli::Completion::pid,
             .repeatable = true,
             .set = add_processes(options.parents)});
  table.add({.name = "tree-of",
             .value = "PID[,...]",
             .help = "Only these processes and all that descends from them; "
                     "each must exist.",
             .group = "Filtering",
             .completion = cli::Completion::pid,
             .repeatable = true,
             .set = add_processes(options.trees)});
}

void add_failure_options(cli::OptionTable& table, Options& options) {
  cli::add_failed_option(table, options.common);
  table.add({.name = "no-failed",
             .help = "Leave out what failed. Where the kernel cannot trace "
                     "functions this spares every system call some 90 ns.",
             .group = "Filtering",
             .set = cli::set_flag(options.no_failed)});
  table.add({.name = "probes",
             .help = "Show each step of a search along PATH, which is one row "
                     "otherwise.",
             .group = "Filtering",
             .set = cli::set_flag(options.probes)});
}

Status set_env(Options& options, std::string_view value) {
  for (auto name : split(value, ',')) {
    if (name.empty() || name.find('=') != name.npos) {
      return cli::usage_error(fmt::format(
          "expected names of variables, got '{}'", printable(value)));
    }
    cli::add_unique(options.env, std::string(name));
  }
  return {};
}

void add_content_options(cli::OptionTable& table, Options& options) {
  table.add({.name = "max-args",
             .value = "BYTES",
             .help = "Bytes of arguments that are shown, as in 4096 or 64K, at "
                     "most 1M [128K]. What was cut is stated.",
             .group = "Content",
             .set = [&](std::string_view value) -> Status {
               options.most_args = static_cast<std::uint32_t>(
                   SL_TRY(parse_bytes(value, 1, EXEC_MOST_ARGS)));
               return {};
             }});
  table.add(
      {.name = "env",
       .value = "NAME[,...]",
       .help = "Show these variables of each program's environment.",
       .group = "Content",
       .repeatable = true,
       .set = [&](std::string_view value) { return set_env(options, value); }});
  table.add({.name = "redact",
             .value = "RE",
             .help = "Replace what matches this POSIX extended regular "
                     "expression, or its first group, in arguments and "
                     "variables.",
             .group = "Content",
             .repeatable = true,
             .set = [&](std::string_view value) -> Status {
               options.redactions.push_back(SL_TRY(Redaction::compile(value)));
               return {};
             }});
}

void add_view_options(cli::OptionTable& table, Options& options) {
  table.add({.name = "lifetime",
             .letter = 'l',
             .help = "A row when the program ends: exit status, wall, user and "
                     "system time, memory.",
             .group = "Content",
             .set = cli::set_flag(options.lifetime)});
  table.add({.name = "ancestry",
             .letter = 'a',
             .help = "Show the chain of parents, up to init or a container's "
                     "first process.",
             .group = "Content",
             .set = cli::set_flag(options.ancestry)});
  table.add({.name = "tree",
             .help = "Indent what a row's process starts below it.",
             .group = "Content",
             .set = cli::set_flag(options.tree)});
}

// Of two ways to choose processes one is enough.
Status check_targets(const Options& options) {
  const auto& common = options.common;
  const std::pair<bool, const char*> ways[] = {
      {!common.pids.empty(), "--pid"},
      {!options.trees.empty(), "--tree-of"},
      {!options.command.empty(), "a command"}};
  const char* chosen = nullptr;
  for (const auto& [given, name] : ways) {
    if (!given) continue;
    if (chosen != nullptr) {
      return fail(ErrorKind::usage,
                  fmt::format("{} cannot be used with {}", chosen, name));
    }
    chosen = name;
  }
  return {};
}

Status check_content(const Options& options) {
  const auto& common = options.common;
  if (options.tree) SL_CHECK(cli::check_for_rows(common, "--tree"));
  const std::pair<bool, const char*> contents[] = {
      {options.ancestry, "--ancestry"}, {!options.env.empty(), "--env"}};
  for (const auto& [given, name] : contents) {
    if (!given || !common.summary) continue;
    return fail(ErrorKind::usage,
                fmt::format("{} is for rows, --summary has none", name));
  }
  if (options.probes && options.no_failed) {
    return fail(ErrorKind::usage, "--no-failed leaves no --probes to show");
  }
  if (common.failed_only && options.no_failed) {
    return fail(ErrorKind::usage,
                "--failed and --no-failed leave nothing to show");
  }
  if (common.failed_only && options.lifetime) {
    return fail(ErrorKind::usage, "what failed has no --lifetime");
  }
  if (options.tree && options.lifetime) {
    return fail(ErrorKind::usage,
                "--tree shows programs when they start, --lifetime when they "
                "end");
  }
  return {};
}

}  // namespace

bool Options::needs_ancestry() const {
  auto targets = cli::output_targets(common);
  return ancestry || tree ||
         std::ranges::any_of(targets, [](const cli::OutputTarget& target) {
           return target.format == output::Format::folded;
         });
}

bool Options::needs_exits() const { return lifetime || common.summary; }

cli::OptionTable option_table(Options& options) {
  cli::OptionTable table(program_info());
  auto& common = options.common;
  cli::add_process_options(table, common, [](std::string_view user) {
    return process::find_user(user);
  });
  add_tree_options(table, options);
  cli::add_name_options(table, common);
  add_failure_options(table, options);
  cli::add_timing_options(table, common);
  add_view_options(table, options);
  add_content_options(table, options);
  cli::add_time_columns(table, common);
  cli::add_summary_options(table, common);
  cli::add_table_options(table, common, {"count", "failed"});
  cli::add_output_options(table, common, cli::Formats::lines);
  cli::add_kernel_options(table, common);
  cli::add_general_options(table, common);
  return table;
}

Status check(const Options& options) {
  SL_CHECK(cli::check_event_options(options.common));
  SL_CHECK(cli::check_outputs(options.common));
  SL_CHECK(check_targets(options));
  return check_content(options);
}

}  // namespace sightline::execsnoop
