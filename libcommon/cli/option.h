// SPDX-License-Identifier: Apache-2.0
// Options as data: one table makes the parser, --help, the man page's OPTIONS
// and the shell completions, so that none of them can fall behind another.
//
// A tool fills the table once and parses once; the table is not thread-safe.
// Setters keep references to the tool's settings, which must outlive it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sightline::cli {

// What a shell offers as the value of an option.
enum class Completion { none, file, directory, pid, user, choice };

// What the command line asks for.
enum class Action { run, help, version, man, generate };

// One option. `value` is the placeholder shown after the name; a placeholder
// that ends in "[,...]" says that the value is a comma-separated list. Every
// value reaches `set` as it was typed and is checked there: its failure is
// shown behind the option's name and should read "expected ..., got '...'".
struct Option {
  std::string name = {};   // without dashes; every option has one
  char letter = 0;         // 0: long only
  std::string value = {};  // "PID[,...]"; empty: a switch
  std::string help = {};   // one or two sentences, no newline
  std::string group = {};  // heading in help and man page
  Completion completion = Completion::none;
  std::vector<std::string> choices = {};  // for Completion::choice
  bool open_ended = false;                // values beside the choices are taken
  bool repeatable = false;                // otherwise a value twice is an error
  std::function<Status(std::string_view)> set = {};
  Action action = Action::run;  // what it asks for instead of a run
  bool hidden = false;          // parsed, but shown nowhere
};

// An argument without a dash; always optional, taken in the order of adding.
struct Positional {
  std::string name = {};  // "DURATION"
  std::string help = {};
  std::function<Status(std::string_view)> set = {};
};

struct Example {
  std::string command = {};
  std::string comment = {};
};

// What to say to someone who types the flag of another tool: `flag` with its
// dashes ("--stack-storage-size", "-a"), `text` becomes the hint line.
struct Hint {
  std::string flag = {};
  std::string text = {};
};

struct ProgramInfo {
  std::string name = {};
  std::string purpose = {};              // one sentence
  std::vector<std::string> usages = {};  // what follows the name
  std::vector<Example> examples = {};
  std::vector<Hint> hints = {};
  bool takes_command = false;  // accepts -- CMD [ARG...]
};

// What was asked for, once every setter has run.
struct Parsed {
  Action action = Action::run;
  std::string generate = {};              // the value of --generate
  std::vector<std::string> command = {};  // what stands behind --
};

class OptionTable {
 public:
  explicit OptionTable(ProgramInfo info) : info_(std::move(info)) {}

  void add(Option option) { options_.push_back(std::move(option)); }
  void add(Positional positional) {
    positionals_.push_back(std::move(positional));
  }

  [[nodiscard]] const ProgramInfo& info() const { return info_; }
  [[nodiscard]] const std::vector<Option>& options() const { return options_; }
  [[nodiscard]] const std::vector<Positional>& positionals() const {
    return positionals_;
  }
  // Null when there is none.
  [[nodiscard]] const Option* find(std::string_view name) const;
  [[nodiscard]] const Option* find(char letter) const;
  // Headings in the order of adding, "General" last; hidden options have none.
  [[nodiscard]] std::vector<std::string> groups() const;
  // The options shown under one heading.
  [[nodiscard]] std::vector<const Option*> in_group(
      std::string_view group) const;

  // Reads a command line (argv[0] included) and runs the setters in its order.
  // Every failure is ErrorKind::usage. A request for help, version, man page
  // or generated text wins over mistakes beside it; then only switches are
  // set (for -V -v).
  [[nodiscard]] Result<Parsed> parse(std::span<char* const> argv) const;

 private:
  ProgramInfo info_;
  std::vector<Option> options_;
  std::vector<Positional> positionals_;
};

// True when the value is a comma-separated list.
bool takes_list(const Option& option);

// Its help, with the choices if it has some.
std::string description(const Option& option);

// "a, b or c", for help and messages.
std::string join_choices(const std::vector<std::string>& choices);

// Fails with "expected a, b or c, got '...'" unless `text` is a choice.
Status check_choice(std::string_view text,
                    const std::vector<std::string>& choices);

}  // namespace sightline::cli
