// SPDX-License-Identifier: Apache-2.0
// Shell completions, made from the option table: names, choices, files,
// directories, live PIDs from /proc, users, and the command behind --. Pure.
#pragma once

#include <string>

#include "cli/option.h"

namespace sightline::cli {

enum class Shell { bash, zsh, fish };

// A script that the shell loads by the tool's name: bash-completion's
// completions/NAME, zsh's site-functions/_NAME, fish's completions/NAME.fish.
std::string render_completion(const OptionTable& table, Shell shell);

}  // namespace sightline::cli
