// SPDX-License-Identifier: Apache-2.0
// The times that --time, --timestamp and --utc ask for, in front of a row or of
// a report. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/common_options.h"
#include "event/run.h"
#include "output/live_table.h"

namespace sightline::event {

// None, one or two.
std::vector<output::LiveColumn> time_columns(const cli::CommonOptions& common);

// A cell for each of these, of a moment in nanoseconds since the start.
std::vector<std::string> time_cells(const cli::CommonOptions& common,
                                    const Context& context,
                                    std::uint64_t since_start_ns);

// The same in front of a line, each with a blank behind it.
std::string time_prefix(const cli::CommonOptions& common,
                        const Context& context, std::uint64_t since_start_ns);

}  // namespace sightline::event
