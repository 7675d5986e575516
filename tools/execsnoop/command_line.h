// SPDX-License-Identifier: Apache-2.0
// An exec as a line that can be pasted into a shell, and what cannot stand in
// it. Pure.
#pragma once

#include <string>

#include "exec.h"

namespace sightline::execsnoop {

// Variables that were asked for, then the arguments, quoted; without arguments
// the file.
std::string command_line(const Exec& exec);

// What is worth a word beside it, each in brackets: arguments that are not
// shown, a real executable of another name, a search, parents with `ancestry`.
std::string remarks(const Exec& exec, bool ancestry);

// `0`, `3`, `SIGKILL`, `running`: how a program ended.
std::string outcome_text(const Life& life);

}  // namespace sightline::execsnoop
