// SPDX-License-Identifier: Apache-2.0
// The generated parts of a tool's manual page, in man(7) roff. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cli/option.h"

namespace sightline::cli {

// Body of OPTIONS: a .SS for each group, a .TP for each entry.
std::string render_man_options(const OptionTable& table);

// Body of EXIT STATUS.
std::string render_man_exit_status(const OptionTable& table);

// Plain text as roff shows it literally; hyphens stay typeable.
std::string roff_escape(std::string_view text);

}  // namespace sightline::cli
