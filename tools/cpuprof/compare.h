// SPDX-License-Identifier: Apache-2.0
// --diff: two recordings side by side.
#pragma once

#include "base/error.h"
#include "options.h"

namespace sightline::cpuprof {

// Reads both and writes every output. Returns the exit status.
Result<int> compare(const Options& options);

}  // namespace sightline::cpuprof
