// SPDX-License-Identifier: Apache-2.0
// A tool's edge: the one place where errors become a message and an exit
// status, and where text that is not a measurement reaches stdout.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/option.h"

namespace sightline::cli {

// The suite's version: "0.1.0".
std::string_view version();

// Runs `body` with the whole command line and returns the exit status: what
// body returns, or that of its error, reported once on stderr. SIGPIPE is
// ignored from here on (a traced command must get its default back), and
// descriptors 0 to 2 are open, so that no file lands on them by accident.
int run_program(std::string_view name, int argc, char** argv,
                const std::function<Result<int>(std::span<char* const>)>& body);

// Writes `text` to stderr as it is. One that is closed, full or not read for a
// second does not matter: what is measured is worth more than what is said.
void say(std::string_view text);

// The same, but not with -q.
void say_hint(std::string_view text);

// -q: whether error_message() leaves hints out, and say_hint() is silent, in
// the whole process. Call it
// before there is a second thread.
void set_quiet(bool quiet);

// The message of an error: one line, then hint and usage pointer if any. What
// a stranger smuggled into it is shown escaped.
std::string error_message(std::string_view name, const Error& error);

// The exit status of a measurement that lost this percentage of its records:
// `status_loss` when it is more than --max-loss allows, which is then said,
// with -q too. Without a limit it is `status_done`.
int judge_loss(std::string_view name, double lost_percent,
               std::optional<double> limit_percent);

// Writes all of `text` to stdout, unbuffered. A reader that has seen enough
// (EPIPE) is no failure. Fails with errno.
Status print_text(std::string_view text);

// "NAME 0.1.0", followed by `features` (lines that end in a newline).
Status print_version(std::string_view name, std::string_view features = {});

// Prints what any action but `run` asks for. `man_page` is the page carried
// in the binary, `features` what -V -v adds. Needs no privileges.
Status answer(const OptionTable& table, const Parsed& parsed,
              std::string_view man_page, std::string_view features = {});

}  // namespace sightline::cli
