// SPDX-License-Identifier: Apache-2.0
// The common options of the tools that show events.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "cli/common_options.h"
#include "cli/setters.h"

namespace sightline::cli {
namespace {

Setter set_length(std::optional<std::uint64_t>& length_ns,
                  std::string_view bare_unit) {
  return [&length_ns, bare_unit](std::string_view value) -> Status {
    bool bare = value.find_first_not_of("0123456789.") == value.npos;
    if (bare && !value.empty()) {
      return fail(ErrorKind::usage,
                  fmt::format("expected a time with its unit, got '{}'",
                              printable(value)),
                  fmt::format("a bare number is in {0} in bcc: {1}{0}",
                              bare_unit, value));
    }
    length_ns = SL_TRY(parse_duration(value));
    return {};
  };
}

}  // namespace

void add_failed_option(OptionTable& table, CommonOptions& common) {
  table.add({.name = "failed",
             .letter = 'x',
             .help = "Only what failed.",
             .group = "Filtering",
             .set = set_flag(common.failed_only)});
}

void add_time_columns(OptionTable& table, CommonOptions& common) {
  table.add({.name = "time",
             .letter = 'T',
             .help = "Show the time of day of each row or report.",
             .group = "Output",
             .set = set_flag(common.wall_clock)});
  table.add({.name = "timestamp",
             .letter = 't',
             .help = "Show the seconds since the start for each row or report.",
             .group = "Output",
             .set = set_flag(common.since_start)});
  table.add({.name = "utc",
             .help = "With --time, in UTC.",
             .group = "Output",
             .set = set_flag(common.utc)});
}

void add_summary_options(OptionTable& table, CommonOptions& common) {
  add_interval_option(table, common);
  table.add({.name = "summary",
             .help = "Totals at the end, or with -i each interval, instead of "
                     "a row for each event.",
             .group = "Output",
             .set = set_flag(common.summary)});
}

void add_histogram_option(OptionTable& table, CommonOptions& common) {
  table.add({.name = "hist",
             .help = "Histograms of how long they took, instead of rows; with "
                     "--summary for each total.",
             .group = "Output",
             .set = set_flag(common.histogram)});
}

void add_length_options(OptionTable& table, CommonOptions& common,
                        std::string_view bare_unit) {
  table.add({.name = "min",
             .letter = 'm',
             .value = "TIME",
             .help = "Only what took so long at least, such as 10ms.",
             .group = "Filtering",
             .set = set_length(common.min_ns, bare_unit)});
  table.add({.name = "max",
             .letter = 'M',
             .value = "TIME",
             .help = "Only what took so long at most.",
             .group = "Filtering",
             .set = set_length(common.max_ns, bare_unit)});
}

Status check_event_options(const CommonOptions& common) {
  auto targets = output_targets(common);
  auto is_folded = [](const OutputTarget& target) {
    return target.format == output::Format::folded;
  };
  if ((common.summary || common.histogram) &&
      std::ranges::all_of(targets, is_folded)) {
    return fail(ErrorKind::usage,
                fmt::format("{} is for the table and JSON",
                            common.summary ? "--summary" : "--hist"),
                "--interval with folded output needs neither");
  }
  bool folded = std::ranges::any_of(targets, is_folded);
  if (common.interval_ns && !common.summary && !common.histogram && !folded) {
    return fail(ErrorKind::usage, "--interval is for --summary",
                "rows appear as they happen");
  }
  if (common.min_ns && common.max_ns && *common.min_ns > *common.max_ns) {
    return fail(ErrorKind::usage, "--min is longer than --max");
  }
  if (common.utc && !common.wall_clock) {
    return fail(ErrorKind::usage, "--utc is for --time");
  }
  const std::pair<bool, const char*> totals[] = {
      {!common.sort.empty(), "--sort"}, {common.rows.has_value(), "--rows"}};
  for (const auto& [given, name] : totals) {
    if (!given || common.summary) continue;
    return fail(ErrorKind::usage, fmt::format("{} is for --summary", name),
                "rows appear as they happen");
  }
  const std::pair<bool, const char*> columns[] = {
      {common.wall_clock, "--time"}, {common.since_start, "--timestamp"}};
  for (const auto& [given, name] : columns) {
    if (given) SL_CHECK(check_for_table(common, name));
  }
  return {};
}

Status check_for_rows(const CommonOptions& common, std::string_view option) {
  if (common.summary || common.histogram) {
    return fail(ErrorKind::usage,
                fmt::format("{} is for rows, {} has none", option,
                            common.summary ? "--summary" : "--hist"));
  }
  return check_for_table(common, option);
}

Status check_for_table(const CommonOptions& common, std::string_view option) {
  bool table = std::ranges::any_of(
      output_targets(common), [](const OutputTarget& target) {
        return target.format == output::Format::table;
      });
  if (table) return {};
  return fail(ErrorKind::usage, fmt::format("{} is for the table", option));
}

}  // namespace sightline::cli
