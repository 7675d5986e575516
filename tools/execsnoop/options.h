// SPDX-License-Identifier: Apache-2.0
// What execsnoop was asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/common_options.h"
#include "cli/option.h"
#include "redaction.h"

namespace sightline::execsnoop {

struct Options {
  cli::CommonOptions common;
  std::vector<int> parents;              // only their children
  std::vector<int> trees;                // and all that descends from them
  std::uint32_t most_args = 128U << 10;  // bytes of arguments that are read
  bool probes = false;                   // each step of a search along PATH
  bool no_failed = false;
  bool lifetime = false;
  bool ancestry = false;
  bool tree = false;
  std::vector<std::string> env;  // names
  std::vector<Redaction> redactions;
  std::vector<std::string> command;

  // Something that is asked for needs the chain of parents.
  [[nodiscard]] bool needs_ancestry() const;
  // ... how programs end.
  [[nodiscard]] bool needs_exits() const;
};

// The table refers to `options`, which must stay where it is.
cli::OptionTable option_table(Options& options);

// What one option alone cannot tell.
Status check(const Options& options);

}  // namespace sightline::execsnoop
