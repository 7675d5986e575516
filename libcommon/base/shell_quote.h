// SPDX-License-Identifier: Apache-2.0
// Command lines that can be pasted into a shell. All functions are pure and
// thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sightline {

// The word that any POSIX sh reads as exactly these bytes (which hold no NUL).
// It is one line of printable UTF-8: what printable() would escape is written
// as `"$(printf '\ooo')"`, for sh need not know $'...'; newlines at the end,
// which that takes away, as `"${IFS#??}"`, the newline of the default IFS.
std::string shell_quote(std::string_view word);

// Words with a blank between them. The first is also quoted when the shell
// would not take it as a command's name: an assignment, a reserved word.
std::string shell_command(std::span<const std::string> words);

}  // namespace sightline
