// SPDX-License-Identifier: Apache-2.0
#include "cli/man_options.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/exit_status.h"

namespace sightline::cli {
namespace {

std::string entry(const std::string& tag, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", tag, roff_escape(text));
}

std::string tag_of(const Option& option) {
  std::string tag;
  if (option.letter != 0) tag = fmt::format("\\fB\\-{}\\fR, ", option.letter);
  tag += fmt::format("\\fB{}\\fR", roff_escape("--" + option.name));
  if (!option.value.empty()) {
    tag += fmt::format(" \\fI{}\\fR", roff_escape(option.value));
  }
  return tag;
}

}  // namespace

std::string roff_escape(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    // A point or an apostrophe at the start of a line would be a request.
    bool starts_line = escaped.empty() || escaped.back() == '\n';
    if (starts_line && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string render_man_options(const OptionTable& table) {
  std::string page;
  if (!table.positionals().empty()) page += ".SS Arguments\n";
  for (const auto& positional : table.positionals()) {
    page += entry(fmt::format("\\fI{}\\fR", roff_escape(positional.name)),
                  positional.help);
  }
  for (const auto& group : table.groups()) {
    page += fmt::format(".SS {}\n", roff_escape(group));
    for (const auto* option : table.in_group(group)) {
      page += entry(tag_of(*option), description(*option));
    }
  }
  return page;
}

std::string render_man_exit_status(const OptionTable& table) {
  std::string page;
  for (const auto& [status, meaning] :
       exit_meanings(table.info().takes_command)) {
    page += entry(fmt::format("\\fB{}\\fR", status), meaning);
  }
  return page;
}

}  // namespace sightline::cli
