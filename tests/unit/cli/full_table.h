// SPDX-License-Identifier: Apache-2.0
// A tool that has every common option, and a way to type at it.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "cli/common_options.h"

namespace sightline::cli {

struct FullTool {
  CommonOptions common;
  OptionTable table;

  FullTool() : table(info()) {
    add_process_options(table, common, find_user);
    add_thread_option(table, common);
    add_name_options(table, common);
    add_cpu_option(table, common);
    add_timing_options(table, common);
    add_duration_argument(table, common);
    add_interval_option(table, common);
    add_sampling_options(table, common, {"cpu-clock", "cycles"});
    add_stack_options(table, common);
    add_unwind_options(table, common);
    add_symbol_options(table, common);
    add_grouping_option(table, common, {"comm", "pid", "cpu", "cgroup"});
    add_table_options(table, common, {"self", "total"});
    add_output_options(table, common);
    add_kernel_options(table, common);
    add_general_options(table, common);
  }
  FullTool(const FullTool&) = delete;
  FullTool& operator=(const FullTool&) = delete;

  Result<Parsed> parse(std::initializer_list<std::string> arguments) {
    std::vector<std::string> words{"sampler"};
    words.insert(words.end(), arguments);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    return table.parse(argv);
  }

  // What the command line is refused with: "message" or "message | hint".
  std::string refusal(std::initializer_list<std::string> arguments) {
    auto parsed = parse(arguments);
    if (parsed) return "accepted";
    const auto& error = parsed.error();
    if (error.kind != ErrorKind::usage) return "not a usage error";
    return error.hint.empty() ? error.what : error.what + " | " + error.hint;
  }

 private:
  static ProgramInfo info() {
    return {.name = "sampler",
            .purpose =
                "Shows with one sentence that is longer than a line "
                "of a terminal what a program of this kind is for.",
            .usages = {"[OPTION]... [DURATION]", "[OPTION]... -- CMD [ARG]..."},
            .examples = {{"sudo sampler 5", "Five seconds."}},
            .hints = {{"--stack-storage-size", "stacks need no such size here"},
                      {"-a", "did you mean --format folded?"}},
            .takes_command = true};
  }

  static Result<uid_t> find_user(std::string_view user) {
    if (user == "alice") return 1234;
    return fail(ErrorKind::usage, "expected a user name or number, got '" +
                                      std::string(user) + "'");
  }
};

}  // namespace sightline::cli
