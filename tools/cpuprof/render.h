// SPDX-License-Identifier: Apache-2.0
// --from: what was recorded, shown again.
#pragma once

#include "base/error.h"
#include "options.h"

namespace sightline::cpuprof {

// Reads the recording and writes every output. Returns the exit status.
Result<int> render(const Options& options);

}  // namespace sightline::cpuprof
