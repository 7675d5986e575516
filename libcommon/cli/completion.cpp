// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>

namespace sightline::cli {
namespace {

using Options = std::vector<const Option*>;

Options shown(const OptionTable& table) {
  Options options;
  for (const auto& group : table.groups()) {
    auto members = table.in_group(group);
    options.insert(options.end(), members.begin(), members.end());
  }
  return options;
}

// Menus have room for one sentence, without its full stop.
std::string first_sentence(const std::string& text) {
  auto sentence = text.substr(0, text.find(". "));
  if (sentence.ends_with('.')) sentence.pop_back();
  return sentence;
}

std::string replace_all(std::string_view text, char from, std::string_view to) {
  std::string replaced;
  for (char c : text) {
    if (c == from) {
      replaced += to;
    } else {
      replaced += c;
    }
  }
  return replaced;
}

// --- bash

std::string bash_words(const Option& option) {
  switch (option.completion) {
    case Completion::choice:
      return fmt::format("-W '{}'", fmt::join(option.choices, " "));
    case Completion::pid:
      return "-W \"$(cd /proc && echo [0-9]*)\"";
    case Completion::user:
      return "-u";
    case Completion::file:
      return "-f";
    case Completion::directory:
      return "-d";
    case Completion::none:
      break;
  }
  return {};
}

std::string bash_case(const Option& option) {
  auto pattern = option.letter == 0
                     ? fmt::format("--{}", option.name)
                     : fmt::format("-{} | --{}", option.letter, option.name);
  auto words = bash_words(option);
  std::string fill;
  if (takes_list(option) && !words.empty()) {
    fill = fmt::format(
        "      mapfile -t COMPREPLY < <(compgen -P \"$list\" {} -- "
        "\"${{cur##*,}}\")\n",
        words);
  } else if (!words.empty()) {
    fill = fmt::format(
        "      mapfile -t COMPREPLY < <(compgen {} -- \"$cur\")\n", words);
  }
  if (words == "-f" || words == "-d") {
    fill += "      compopt -o filenames 2> /dev/null\n";
  }
  return fmt::format("    {})\n{}      return\n      ;;\n", pattern, fill);
}

constexpr std::string_view bash_command = R"(  local at
  for ((at = 1; at < COMP_CWORD; at++)); do
    [[ ${COMP_WORDS[at]} == -- ]] || continue
    if ((COMP_CWORD == at + 1)); then
      mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    else
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      compopt -o filenames 2> /dev/null
    fi
    return
  done
)";

constexpr std::string_view bash_head = R"(  COMPREPLY=()
  local cur=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
)";

// Bash splits --name=value at the equals sign.
constexpr std::string_view bash_equals = R"(  if [[ $cur == = ]]; then
    cur=
  elif [[ $option == = ]]; then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  local list=${cur%"${cur##*,}"}
  case $option in
)";

std::string render_bash(const OptionTable& table) {
  const auto& info = table.info();
  auto function = "_" + replace_all(info.name, '-', "_");
  std::string names;
  auto script = fmt::format("{}() {{\n{}", function, bash_head);
  if (info.takes_command) script += bash_command;
  script += bash_equals;
  for (const auto* option : shown(table)) {
    if (option->letter != 0) names += fmt::format("-{} ", option->letter);
    names += fmt::format("--{} ", option->name);
    if (!option->value.empty()) script += bash_case(*option);
  }
  names.pop_back();
  script += fmt::format(
      "  esac\n  [[ $cur == -* ]] || return\n"
      "  mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")\n}}\n"
      "complete -F {} {}\n",
      names, function, info.name);
  return script;
}

// --- zsh

// Inside a single-quoted word.
std::string single_quoted(std::string_view text) {
  return replace_all(text, '\'', R"('\'')");
}

std::string zsh_explanation(const Option& option) {
  auto text = replace_all(first_sentence(option.help), '\\', R"(\\)");
  text = replace_all(replace_all(text, '[', R"(\[)"), ']', R"(\])");
  return single_quoted(text);
}

std::string zsh_action(const Option& option) {
  bool list = takes_list(option);
  switch (option.completion) {
    case Completion::choice: {
      auto words = fmt::format("{}", fmt::join(option.choices, " "));
      words = replace_all(words, ':', R"(\:)");
      return list ? fmt::format("{{_values -s , {} {}}}", option.name, words)
                  : fmt::format("({})", words);
    }
    case Completion::pid:
      // A colon inside an action is escaped: (N:t) keeps the last component.
      return fmt::format(R"({{_values -s , {} /proc/<->(N\:t)}})", option.name);
    case Completion::user:
      return "_users";
    case Completion::file:
      return "_files";
    case Completion::directory:
      return "_files -/";
    case Completion::none:
      break;
  }
  return " ";
}

// '(-p --pid)'{-p+,--pid=}'[explanation]:value:action'; what may be repeated
// excludes nothing and starts with a star.
std::string zsh_spec(const Option& option) {
  bool again = option.repeatable;
  auto value = !option.value.empty();
  auto tail = fmt::format("[{}]", zsh_explanation(option));
  if (value) tail += fmt::format(":{}:{}", option.name, zsh_action(option));
  auto name = fmt::format("--{}{}", option.name, value ? "=" : "");
  if (option.letter == 0) {
    return fmt::format("'{}{}{}'", again ? "*" : "", name, tail);
  }
  auto names =
      fmt::format("{{-{}{},{}}}", option.letter, value ? "+" : "", name);
  auto excluded = again ? std::string("*")
                        : fmt::format("(-{} --{})", option.letter, option.name);
  return fmt::format("'{}'{}'{}'", excluded, names, tail);
}

std::string render_zsh(const OptionTable& table) {
  const auto& info = table.info();
  auto script = fmt::format("#compdef {}\n_arguments -s", info.name);
  for (const auto* option : shown(table)) {
    script += " \\\n  " + zsh_spec(*option);
  }
  // Everything from -- on belongs to the command, its own options included.
  if (info.takes_command)
    script += " \\\n  '(-)--[run a command]:*::command:_normal'";
  for (const auto& positional : table.positionals()) {
    script += fmt::format(" \\\n  '::{}: '", single_quoted(positional.name));
  }
  return script + '\n';
}

// --- fish

std::string fish_quoted(std::string_view text) {
  auto quoted = replace_all(replace_all(text, '\\', R"(\\)"), '\'', R"(\')");
  return fmt::format("'{}'", quoted);
}

std::string fish_value(const Option& option) {
  std::string words;
  switch (option.completion) {
    case Completion::choice:
      words = fmt::format("{}", fmt::join(option.choices, " "));
      break;
    case Completion::pid:
      words = R"((string replace -rf '^/proc/(\d+)$' '$1' /proc/*))";
      break;
    case Completion::user:
      words = "(__fish_complete_users)";
      break;
    case Completion::directory:
      words = "(__fish_complete_directories)";
      break;
    case Completion::file:
      return " -r -F";
    case Completion::none:
      return " -x";
  }
  if (takes_list(option)) words = fmt::format("(__fish_append , {})", words);
  return " -x -a " + fish_quoted(words);
}

std::string fish_line(const ProgramInfo& info, const Option& option) {
  auto letter =
      option.letter == 0 ? std::string() : fmt::format(" -s {}", option.letter);
  return fmt::format("complete -c {} -n '{}'{} -l {}{} -d {}\n", info.name,
                     "not contains -- -- (commandline -opc)", letter,
                     option.name,
                     option.value.empty() ? "" : fish_value(option),
                     fish_quoted(first_sentence(option.help)));
}

// What the shell would offer if the line began behind the --.
constexpr std::string_view fish_command = R"(
function __NAME_command
  set -l words (commandline -opc) ''
  set -l mark (contains -i -- -- $words)
  set words $words[(math $mark + 1)..-1]
  set words[-1] (commandline -ct)
  complete -C (string join ' ' -- $words)
end
complete -c NAME -n 'contains -- -- (commandline -opc)' -x -a '(__NAME_command)'
)";

std::string render_fish(const OptionTable& table) {
  const auto& info = table.info();
  auto script = fmt::format("complete -c {} -f\n", info.name);
  for (const auto* option : shown(table)) script += fish_line(info, *option);
  if (!info.takes_command) return script;
  std::string command(fish_command);
  for (auto at = command.find("NAME"); at != command.npos;
       at = command.find("NAME", at + info.name.size())) {
    command.replace(at, 4, info.name);
  }
  return script + command;
}

}  // namespace

std::string render_completion(const OptionTable& table, Shell shell) {
  switch (shell) {
    case Shell::bash:
      return render_bash(table);
    case Shell::zsh:
      return render_zsh(table);
    case Shell::fish:
      break;
  }
  return render_fish(table);
}

}  // namespace sightline::cli
