// SPDX-License-Identifier: Apache-2.0
#include "event/time_columns.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/units.h"

namespace sightline::event {

std::vector<output::LiveColumn> time_columns(const cli::CommonOptions& common) {
  std::vector<output::LiveColumn> columns;
  if (common.wall_clock) columns.push_back({"TIME", 12});
  if (common.since_start) {
    columns.push_back({"SECONDS", 9, output::Align::right});
  }
  return columns;
}

std::vector<std::string> time_cells(const cli::CommonOptions& common,
                                    const Context& context,
                                    std::uint64_t since_start_ns) {
  std::vector<std::string> cells;
  if (common.wall_clock) {
    cells.push_back(format_time_of_day(
        context.origin.start_realtime_ns + since_start_ns, common.utc));
  }
  if (common.since_start) {
    cells.push_back(fmt::format("{}.{:06}", since_start_ns / ns_per_second,
                                since_start_ns % ns_per_second / 1000));
  }
  return cells;
}

std::string time_prefix(const cli::CommonOptions& common,
                        const Context& context, std::uint64_t since_start_ns) {
  std::string text;
  for (const auto& cell : time_cells(common, context, since_start_ns)) {
    text += cell + " ";
  }
  return text;
}

}  // namespace sightline::event
