// SPDX-License-Identifier: Apache-2.0
// What offcpu was asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/common_options.h"
#include "cli/option.h"

namespace sightline::offcpu {

struct Options {
  cli::CommonOptions common;
  bool kernel_threads = false;  // are looked at too
  bool include_self = false;    // so is the tool itself
  bool totals_only = false;     // no stacks are taken
  // One stack each time that a thread has waited for so long; absent: one a
  // wait.
  std::optional<std::uint64_t> sample_ns;
  std::vector<std::string> command;

  [[nodiscard]] bool groups_by(std::string_view key) const;
};

// The table refers to `options`, which must stay where it is.
cli::OptionTable option_table(Options& options);

// What one option alone cannot tell.
Status check(const Options& options);

}  // namespace sightline::offcpu
