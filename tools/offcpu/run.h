// SPDX-License-Identifier: Apache-2.0
// offcpu from command line to exit status.
#pragma once

#include <span>

#include "base/error.h"

namespace sightline::offcpu {

Result<int> run(std::span<char* const> argv);

}  // namespace sightline::offcpu
