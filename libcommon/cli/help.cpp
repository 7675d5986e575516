// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/exit_status.h"

namespace sightline::cli {
namespace {

constexpr std::size_t columns = 80;
constexpr std::size_t margin = 2;
constexpr std::size_t gutter = 2;
// A longer label gets a line of its own.
constexpr std::size_t longest_label = 26;

struct Entry {
  std::string label;
  std::string text;
};

// Words of `text` on lines of at most `columns`, all but the first indented.
// `used` columns of the first line are taken.
std::string wrap(std::string_view text, std::size_t indent, std::size_t used) {
  std::string wrapped;
  auto at = used;
  bool first = true;
  for (auto word : split(text, ' ')) {
    auto width = display_width(word);
    if (!first && at + 1 + width > columns) {
      wrapped += '\n' + std::string(indent, ' ');
      at = indent;
    } else if (!first) {
      wrapped += ' ';
      ++at;
    }
    wrapped += word;
    at += width;
    first = false;
  }
  return wrapped;
}

std::string label_of(const Option& option) {
  auto letter = option.letter == 0 ? std::string("    ")
                                   : fmt::format("-{}, ", option.letter);
  auto value = option.value.empty() ? "" : " " + option.value;
  return fmt::format("{}--{}{}", letter, option.name, value);
}

std::string entry_lines(const Entry& entry, std::size_t label_width) {
  auto column = margin + label_width + gutter;
  auto label = std::string(margin, ' ') + entry.label;
  if (label.size() + gutter > column) {
    label += '\n' + std::string(column, ' ');
  } else {
    label.resize(column, ' ');
  }
  return label + wrap(entry.text, column, column) + '\n';
}

struct Section {
  std::string heading;
  std::vector<Entry> entries;
};

std::vector<Section> sections_of(const OptionTable& table) {
  std::vector<Section> sections;
  if (!table.positionals().empty()) {
    auto& section = sections.emplace_back(Section{"Arguments", {}});
    for (const auto& positional : table.positionals()) {
      section.entries.push_back({positional.name, positional.help});
    }
  }
  for (const auto& group : table.groups()) {
    auto& section = sections.emplace_back(Section{group, {}});
    for (const auto* option : table.in_group(group)) {
      section.entries.push_back({label_of(*option), description(*option)});
    }
  }
  return sections;
}

std::size_t label_width(const std::vector<Section>& sections) {
  std::size_t widest = 0;
  for (const auto& section : sections) {
    for (const auto& entry : section.entries) {
      if (entry.label.size() <= longest_label) {
        widest = std::max(widest, entry.label.size());
      }
    }
  }
  return widest;
}

std::string usage_lines(const ProgramInfo& info) {
  std::string lines;
  std::string lead = "Usage: ";
  for (const auto& usage : info.usages) {
    lines += fmt::format("{}{} {}\n", lead, info.name, usage);
    lead.assign(lead.size(), ' ');
  }
  return lines;
}

std::string example_lines(const ProgramInfo& info) {
  std::string lines;
  for (const auto& example : info.examples) {
    lines += fmt::format("  {}\n      {}\n", example.command,
                         wrap(example.comment, 6, 6));
  }
  return lines.empty() ? lines : "\nExamples:\n" + lines;
}

std::string exit_status_line(const ProgramInfo& info) {
  std::string line = "Exit status:";
  for (const auto& [status, meaning] : exit_meanings(info.takes_command)) {
    if (status == status_command_failed) line += " with a command its own, or";
    line += fmt::format(" {} {},", status, meaning);
  }
  line.back() = '.';
  return wrap(line, 2, 0) + '\n';
}

}  // namespace

std::string render_help(const OptionTable& table) {
  const auto& info = table.info();
  auto sections = sections_of(table);
  auto width = label_width(sections);
  auto help = wrap(info.purpose, 0, 0) + "\n\n" + usage_lines(info);
  for (const auto& section : sections) {
    help += fmt::format("\n{}:\n", section.heading);
    for (const auto& entry : section.entries) help += entry_lines(entry, width);
  }
  help += example_lines(info) + '\n' + exit_status_line(info);
  help += fmt::format("See {}(8), sightline(7), or {} --man.\n", info.name,
                      info.name);
  return help;
}

}  // namespace sightline::cli
