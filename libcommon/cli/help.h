// SPDX-License-Identifier: Apache-2.0
// --help, made from the option table.
#pragma once

#include <string>

#include "cli/option.h"

namespace sightline::cli {

// Purpose, usage, options by group, examples, exit status and where to read
// on; no line is wider than 80 columns unless a single word is. Pure.
std::string render_help(const OptionTable& table);

}  // namespace sightline::cli
