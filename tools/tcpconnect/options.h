// SPDX-License-Identifier: Apache-2.0
// What tcpconnect was asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/common_options.h"
#include "cli/option.h"

namespace sightline::tcpconnect {

struct Options {
  cli::CommonOptions common;
  std::vector<std::uint16_t> ports;  // remote; empty: all
  bool ipv4_only = false;
  bool ipv6_only = false;
  bool ancestry = false;
  bool dns = false;  // names for remote addresses
  std::vector<std::string> command;

  // Something that is asked for needs the chain of parents.
  [[nodiscard]] bool needs_ancestry() const;
  // Totals or histograms instead of rows.
  [[nodiscard]] bool only_reports() const {
    return common.summary || common.histogram;
  }
};

// The table refers to `options`, which must stay where it is.
cli::OptionTable option_table(Options& options);

// What one option alone cannot tell.
Status check(const Options& options);

}  // namespace sightline::tcpconnect
