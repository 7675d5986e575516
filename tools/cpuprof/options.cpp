// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "perf/event.h"
#include "process/users.h"
#include "symbol/debuginfod.h"

namespace sightline::cpuprof {
namespace {

cli::ProgramInfo program_info() {
  return {
      .name = "cpuprof",
      .purpose =
          "Shows where CPU time goes: processes, functions and stacks, "
          "kernel and user, by sampling.",
      .usages = {"[OPTION...] [DURATION]", "[OPTION...] -- CMD [ARG...]",
                 "[OPTION...] --from FILE", "[OPTION...] --diff BEFORE AFTER"},
      .examples = {{"cpuprof 10", "the whole machine for ten seconds"},
                   {"cpuprof -p 1234 -d 5s", "one process"},
                   {"cpuprof -o flame.svg 30",
                    "a flame graph, for any browser"},
                   {"cpuprof -j 10 | jq 'select(.type==\"end\")'",
                    "totals and the loss ledger"},
                   {"cpuprof -i 5s -o prof.folded",
                    "a report every five seconds"},
                   {"cpuprof -- make -j2", "a command and what it starts"},
                   {"cpuprof -o - -o out.folded -o out.json 10",
                    "the table here, two files beside it"}},
      .hints = {{"-a", "all CPUs are the default; -C LIST chooses some"},
                {"-g", "stacks are always taken; -U or -K keeps one side"},
                {"-I", "did you mean --idle?"},
                {"-d",
                 "-d is the duration; kernel and user frames are told "
                 "apart by _[k]"},
                {"--stack-storage-size", "there is no stack table to size"},
                {"--freq", "did you mean --frequency?"},
                {"--call-graph", "stacks are always taken"}},
      .takes_command = true};
}

void add_own_options(cli::OptionTable& table, Options& options) {
  table.add({.name = "idle",
             .help = "Count idle time too: its weight comes from /proc/stat, "
                     "its stacks from where ticks arrive.",
             .group = "Filtering",
             .set = [&](std::string_view) {
               options.idle = true;
               return Status();
             }});
  table.add({.name = "include-self",
             .help = "Keep the samples of cpuprof itself.",
             .group = "Filtering",
             .set = [&](std::string_view) {
               options.include_self = true;
               return Status();
             }});
}

// A sample with both stacks takes some 15 us (make bench). The kernel's own cap
// is ten times what a machine survives with a timer that it cannot slow down:
// at 100,000 Hz nothing else runs, and nothing can end it.
constexpr std::uint64_t most_timer_hz = 20'000;

Status check_rate(const Options& options, bool timed) {
  const auto& common = options.common;
  auto shortest = ns_per_second / most_timer_hz;
  bool too_often = common.frequency_hz.value_or(0) > most_timer_hz ||
                   common.period.value_or(shortest) < shortest;
  if (!timed || !too_often) return {};
  return fail(ErrorKind::usage,
              fmt::format("a CPU takes at most {} timer samples a second "
                          "(--period {}): more would leave it no time for "
                          "anything else",
                          most_timer_hz, shortest));
}

// Nanoseconds and occurrences have no sum. Without -e the event is a timer, or
// as frequent.
Status check_events(const Options& options) {
  const auto& names = options.common.events;
  std::size_t timed = 0;
  std::size_t all = 0;
  for (const auto& name : names) {
    for (const auto& event : SL_TRY(perf::parse_events(name))) {
      timed += event.time_based ? 1 : 0;
      ++all;
    }
  }
  if (timed == 0 || timed == all) return check_rate(options, timed == all);
  return fail(ErrorKind::usage,
              "--event: cpu-clock and task-clock cannot be sampled beside "
              "other events",
              "run two at the same time");
}

// Idle time is the CPU's, of no task.
Status check_idle(const Options& options) {
  const auto& common = options.common;
  bool filtered = !common.pids.empty() || !common.tids.empty() || common.name ||
                  common.uid || !common.cgroup.empty() ||
                  !options.command.empty();
  if (!options.idle || !filtered) return {};
  return fail(ErrorKind::usage,
              "--idle cannot be used with a filter by task or with a command");
}

// What --raw leaves out for another machine cannot be asked of this one.
Status check_raw(const cli::CommonOptions& common) {
  const std::pair<bool, const char*> others[] = {
      {common.inlines, "--inline"},
      {common.lines, "--line"},
      {common.debuginfod_ns.has_value(), "--debuginfod"}};
  for (const auto& [given, name] : others) {
    if (!common.raw || !given) continue;
    return fail(ErrorKind::usage,
                fmt::format("--raw cannot be used with {}", name),
                fmt::format("give {} to --from, which names what --raw has "
                            "left unnamed",
                            name));
  }
  return {};
}

// What says how to measure says nothing of what was measured.
Status check_recorded(const Options& options) {
  const auto& common = options.common;
  bool diff = !common.before.empty();
  const auto* way = common.from.empty() ? "--diff" : "--from";
  if (!common.from.empty() && !common.before.empty()) {
    return fail(ErrorKind::usage, "--from and --diff cannot be used together");
  }
  if (!common.before.empty() && common.after.empty()) {
    return fail(ErrorKind::usage, "--diff: expected BEFORE and AFTER");
  }
  const std::pair<bool, const char*> others[] = {
      {!options.command.empty(), "a command"},
      {!common.pids.empty(), "--pid"},
      {!common.tids.empty(), "--tid"},
      {common.name.has_value(), "--name"},
      {common.uid.has_value(), "--uid"},
      {!common.cgroup.empty(), "--cgroup"},
      {!common.cpus.empty(), "--cpu"},
      {options.idle, "--idle"},
      {options.include_self, "--include-self"},
      {common.duration_ns.has_value(), "a duration"},
      {common.interval_ns.has_value(), "--interval"},
      {common.frequency_hz.has_value(), "--frequency"},
      {common.period.has_value(), "--period"},
      {!common.events.empty(), "--event"},
      {common.user_only, "--user-stacks-only"},
      {common.kernel_only, "--kernel-stacks-only"},
      {common.raw, "--raw"},
      // --diff compares functions, whatever was inlined and wherever they are.
      {diff && common.inlines, "--inline"},
      {diff && common.lines, "--line"},
      {diff && common.debuginfod_ns.has_value(), "--debuginfod"}};
  for (const auto& [given, name] : others) {
    if (!given) continue;
    return fail(ErrorKind::usage,
                fmt::format("{} cannot be used with {}", name, way));
  }
  return {};
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
  cli::add_cpu_option(table, common);
  add_own_options(table, options);
  cli::add_timing_options(table, common);
  cli::add_duration_argument(table, common);
  cli::add_interval_option(table, common);
  cli::add_sampling_options(table, common,
                            {"cpu-clock", "cycles", "instructions",
                             "cache-misses", "page-faults", "context-switches"},
                            perf::check_sampled_event);
  cli::add_stack_options(table, common);
  cli::add_unwind_options(table, common);
  cli::add_symbol_options(table, common);
  cli::add_grouping_option(table, common,
                           {"comm", "pid", "tid", "cpu", "cgroup", "event"});
  cli::add_table_options(table, common, {"self", "total"});
  cli::add_output_options(table, common);
  cli::add_from_option(table, common);
  cli::add_flame_option(table, common);
  cli::add_kernel_options(table, common);
  cli::add_general_options(table, common);
  return table;
}

Status check(const Options& options) {
  SL_CHECK(check_raw(options.common));
  if (options.common.debuginfod_ns) {
    SL_CHECK(symbol::Debuginfod::check_environment());
  }
  SL_CHECK(cli::check_outputs(options.common));
  bool recorded =
      !options.common.from.empty() || !options.common.before.empty();
  if (recorded) return check_recorded(options);
  SL_CHECK(check_idle(options));
  SL_CHECK(check_events(options));
  if (!options.command.empty() &&
      (!options.common.pids.empty() || !options.common.tids.empty())) {
    return fail(ErrorKind::usage, "-p and -L cannot be used with a command");
  }
  return {};
}

}  // namespace sightline::cpuprof
