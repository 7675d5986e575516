// SPDX-License-Identifier: Apache-2.0
// tcpconnect from command line to exit status.
#pragma once

#include <span>

#include "base/error.h"

namespace sightline::tcpconnect {

Result<int> run(std::span<char* const> argv);

}  // namespace sightline::tcpconnect
