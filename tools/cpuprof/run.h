// SPDX-License-Identifier: Apache-2.0
// cpuprof from command line to exit status.
#pragma once

#include <span>

#include "base/error.h"

namespace sightline::cpuprof {

Result<int> run(std::span<char* const> argv);

}  // namespace sightline::cpuprof
