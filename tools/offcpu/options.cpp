// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <algorithm>
#include <vector>

#include "base/units.h"
#include "process/users.h"

namespace sightline::offcpu {
namespace {

constexpr auto one_report =
    "there is one report, at the end; SIGUSR1 shows what there is so far";
constexpr auto no_recordings = "cpuprof alone writes recordings so far";
constexpr auto no_wakers = "who woke a thread is not told yet";
constexpr auto symbols_only = "frames have the names of symbol tables so far";

// What others call it, and what is not there yet.
std::vector<cli::Hint> hints() {
  return {{"-k", "did you mean -K, or --kernel-threads?"},
          {"-t", "-L chooses threads, --by tid tells them apart"},
          {"--state", "kinds of waiting stand apart in the table"},
          {"--min-block-time", "did you mean --min?"},
          {"--max-block-time", "did you mean --max?"},
          {"-i", one_report},
          {"--interval", one_report},
          {"--hist", "-m and -M choose lengths; LONGEST is the longest"},
          {"--waker", no_wakers},
          {"--chain", no_wakers},
          {"--exact", "each wait has its stack, but with --sample"},
          {"--from", no_recordings},
          {"--diff", no_recordings},
          {"--raw", no_recordings},
          {"--icicle", "there is no flame graph yet; -f is what draws one"},
          {"--inline", symbols_only},
          {"--line", symbols_only},
          {"--debuginfod", symbols_only}};
}

cli::ProgramInfo program_info() {
  return {.name = "offcpu",
          .purpose =
              "Shows where threads wait and why: asleep, for disks, for a CPU, "
              "throttled.",
          .usages = {"[OPTION...] [DURATION]", "[OPTION...] -- CMD [ARG...]"},
          .examples = {{"offcpu 10", "the whole machine for ten seconds"},
                       {"offcpu -p 1234 -d 5s", "one process"},
                       {"offcpu -m 10ms 30", "only waits of 10 ms and more"},
                       {"offcpu -- make -j2", "a command and what it starts"}},
          .hints = hints(),
          .takes_command = true};
}

Status set(bool& flag) {
  flag = true;
  return {};
}

void add_filters(cli::OptionTable& table, Options& options) {
  table.add(
      {.name = "kernel-threads",
       .help = "Look at the kernel's own threads too.",
       .group = "Filtering",
       .set = [&](std::string_view) { return set(options.kernel_threads); }});
  table.add(
      {.name = "include-self",
       .help = "Keep the waits of offcpu itself.",
       .group = "Filtering",
       .set = [&](std::string_view) { return set(options.include_self); }});
}

void add_stacks(cli::OptionTable& table, Options& options) {
  table.add(
      {.name = "totals",
       .help = "Take no stacks: only what waited, why and for how long.",
       .group = "Stacks",
       .set = [&](std::string_view) { return set(options.totals_only); }});
  table.add({.name = "sample",
             .value = "TIME",
             .help = "Take a stack each time that a thread has waited for so "
                     "long, not at each wait.",
             .group = "Stacks",
             .set = [&](std::string_view value) -> Status {
               options.sample_ns = SL_TRY(parse_duration(value));
               return {};
             }});
}

}  // namespace

bool Options::groups_by(std::string_view key) const {
  return std::ranges::find(common.by, key) != common.by.end();
}

cli::OptionTable option_table(Options& options) {
  cli::OptionTable table(program_info());
  auto& common = options.common;
  cli::add_process_options(table, common, [](std::string_view user) {
    return process::find_user(user);
  });
  cli::add_thread_option(table, common);
  cli::add_name_options(table, common);
  cli::add_length_options(table, common);
  add_filters(table, options);
  cli::add_timing_options(table, common);
  cli::add_duration_argument(table, common);
  add_stacks(table, options);
  cli::add_stack_options(table, common);
  cli::add_unwind_options(table, common);
  cli::add_demangle_option(table, common);
  cli::add_grouping_option(table, common, {"comm", "pid", "tid", "cgroup"});
  cli::add_table_options(table, common, {"total", "count", "longest"});
  cli::add_output_options(table, common, cli::Formats::lines);
  cli::add_kernel_options(table, common);
  cli::add_general_options(table, common);
  return table;
}

Status check(const Options& options) {
  const auto& common = options.common;
  SL_CHECK(cli::check_outputs(common));
  if (common.min_ns && common.max_ns && *common.min_ns > *common.max_ns) {
    return fail(ErrorKind::usage, "--min is longer than --max");
  }
  bool folded = std::ranges::any_of(
      cli::output_targets(common), [](const cli::OutputTarget& target) {
        return target.format == output::Format::folded;
      });
  if (options.totals_only && folded) {
    return fail(ErrorKind::usage, "--totals leaves no stacks to fold");
  }
  if (options.totals_only && options.sample_ns) {
    return fail(ErrorKind::usage, "--sample cannot be used with --totals");
  }
  if (options.sample_ns && *options.sample_ns > UINT32_MAX) {
    return fail(ErrorKind::usage, "--sample: expected 4s at the most");
  }
  if (!options.command.empty() &&
      (!common.pids.empty() || !common.tids.empty())) {
    return fail(ErrorKind::usage, "-p and -L cannot be used with a command");
  }
  return {};
}

}  // namespace sightline::offcpu
