// SPDX-License-Identifier: Apache-2.0
// What cpuprof was asked to do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/common_options.h"
#include "cli/option.h"

namespace sightline::cpuprof {

struct Options {
  cli::CommonOptions common;
  bool idle = false;          // idle time counts, and idle stacks are kept
  bool include_self = false;  // so do the tool's own samples
  std::vector<std::string> command;

  [[nodiscard]] bool groups_by(std::string_view key) const;
};

// The table refers to `options`, which must stay where it is.
cli::OptionTable option_table(Options& options);

// What one option alone cannot tell.
Status check(const Options& options);

}  // namespace sightline::cpuprof
