// SPDX-License-Identifier: Apache-2.0
// Which processes descend from which.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"

namespace sightline::process {

struct Parentage {
  std::uint32_t pid = 0;
  std::uint32_t parent = 0;
};

// All that descend from the roots, without these, ascending. Pure.
std::vector<std::uint32_t> descendants(std::span<const std::uint32_t> roots,
                                       std::span<const Parentage> processes);

// The same of the processes there are now. One that is forked meanwhile may be
// missing. Fails with errno (no /proc).
Result<std::vector<std::uint32_t>> read_descendants(
    std::span<const std::uint32_t> roots);

}  // namespace sightline::process
