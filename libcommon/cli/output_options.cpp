// SPDX-License-Identifier: Apache-2.0
// The common options of the Output group: grouping, table, format, files.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "cli/common_options.h"
#include "cli/program.h"
#include "cli/setters.h"
#include "output/numbered.h"

namespace sightline::cli {
namespace {

using output::ColorMode;
using output::Format;

constexpr std::uint64_t most_rows = 1'000'000;
constexpr std::uint64_t least_width = 40;
constexpr std::uint64_t most_width = 10'000;

struct FormatEntry {
  Format format;
  std::string_view name;
  std::string_view ending;
};
constexpr std::array<FormatEntry, 5> formats{{
    {Format::table, "table", ".txt"},
    {Format::folded, "folded", ".folded"},
    {Format::json, "json", ".json"},
    {Format::pprof, "pprof", ".pb.gz"},
    {Format::svg, "svg", ".svg"},
}};

Status set_format(CommonOptions& common, Format format) {
  if (common.format && *common.format != format) {
    return usage_error(
        fmt::format("the format is already {}", format_name(*common.format)));
  }
  common.format = format;
  return {};
}

bool belongs(const FormatEntry& entry, Formats which) {
  return which == Formats::all || !output::is_document(entry.format);
}

std::vector<std::string> format_names(Formats which) {
  std::vector<std::string> names;
  for (const auto& entry : formats) {
    if (belongs(entry, which)) names.emplace_back(entry.name);
  }
  return names;
}

std::string endings(Formats which) {
  std::string text;
  for (const auto& entry : formats) {
    if (!belongs(entry, which)) continue;
    text += (text.empty() ? "" : ", ") + std::string(entry.ending);
  }
  return text;
}

Status set_format_by_name(CommonOptions& common, std::string_view value,
                          Formats which) {
  SL_CHECK(check_choice(value, format_names(which)));
  return set_format(
      common, std::ranges::find(formats, value, &FormatEntry::name)->format);
}

Status add_output(CommonOptions& common, std::string_view value,
                  Formats which) {
  for (const auto& entry : formats) {
    if (belongs(entry, which) || !value.ends_with(entry.ending)) continue;
    return usage_error(fmt::format("expected a name that ends in {}, got '{}'",
                                   endings(which), printable(value)));
  }
  if (std::ranges::find(common.outputs, value) != common.outputs.end()) {
    return usage_error(fmt::format("'{}' is given twice", printable(value)));
  }
  common.outputs.emplace_back(value);
  return {};
}

Status set_color(CommonOptions& common, std::string_view value,
                 const std::vector<std::string>& choices) {
  SL_CHECK(check_choice(value, choices));
  common.color = value == "always"  ? ColorMode::always
                 : value == "never" ? ColorMode::never
                                    : ColorMode::automatic;
  return {};
}

// Digits with at most one point; from_chars alone would take nan and 1e1.
Status set_max_loss(CommonOptions& common, std::string_view value) {
  double percent = 0;
  const auto* end = value.data() + value.size();
  bool plain = value.find_first_not_of("0123456789.") == value.npos;
  auto read = std::from_chars(value.data(), end, percent);
  if (!plain || read.ec != std::errc{} || read.ptr != end || percent > 100) {
    return usage_error(
        fmt::format("expected a percentage from 0 to 100, "
                    "got '{}'",
                    printable(value)));
  }
  common.max_loss_percent = percent;
  return {};
}

void add_format_options(OptionTable& table, CommonOptions& common,
                        Formats which) {
  table.add(
      {.name = "folded",
       .letter = 'f',
       .help = "Collapsed stacks, one a line, for flame graphs; the same "
               "as --format folded.",
       .group = "Output",
       .set = [&common](auto) { return set_format(common, Format::folded); }});
  table.add(
      {.name = "json",
       .letter = 'j',
       .help = "JSON Lines, one object a line; the same as --format "
               "json.",
       .group = "Output",
       .set = [&common](auto) { return set_format(common, Format::json); }});
  table.add({.name = "format",
             .value = "FORMAT",
             .help = "How the result is written to stdout and to files whose "
                     "ending says nothing [table].",
             .group = "Output",
             .completion = Completion::choice,
             .choices = format_names(which),
             .set = [&common, which](auto value) {
               return set_format_by_name(common, value, which);
             }});
  table.add(
      {.name = "output",
       .letter = 'o',
       .value = "FILE",
       .help = fmt::format(
           "Write to FILE instead of stdout, which is -. The ending names the "
           "format: {}. May be repeated.{}",
           endings(which),
           which == Formats::all ? " With -i, %n in the name numbers the files."
                                 : ""),
       .group = "Output",
       .completion = Completion::file,
       .repeatable = true,
       .set = [&common, which](auto value) {
         return add_output(common, value, which);
       }});
}

void add_terminal_options(OptionTable& table, CommonOptions& common) {
  table.add({.name = "wide",
             .letter = 'w',
             .help = "Truncate nothing.",
             .group = "Output",
             .set = set_flag(common.wide)});
  table.add({.name = "width",
             .value = "N",
             .help = "Columns that a row may take [the terminal's].",
             .group = "Output",
             .set = set_number(common.width, least_width, most_width)});
  std::vector<std::string> when{"auto", "always", "never"};
  table.add({.name = "color",
             .value = "WHEN",
             .help = "When to use colour [auto]; NO_COLOR is respected.",
             .group = "Output",
             .completion = Completion::choice,
             .choices = when,
             .set = [&common, when](auto value) {
               return set_color(common, value, when);
             }});
}

// In capital letters too.
std::optional<Format> format_of_ending(const std::string& path) {
  for (const auto& known : formats) {
    if (path.size() < known.ending.size()) continue;
    auto ending =
        std::string_view(path).substr(path.size() - known.ending.size());
    bool same = std::ranges::equal(ending, known.ending, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
    if (same) return known.format;
  }
  return std::nullopt;
}

bool has_ending(const std::string& path) {
  auto name = std::string_view(path).substr(path.rfind('/') + 1);
  return name.rfind('.') != name.npos && name.rfind('.') > 0;
}

// Whoever asks for a format and names only files of others is mistaken about
// one of them.
Status check_format_is_used(const CommonOptions& common) {
  auto targets = output_targets(common);
  bool used = !common.format ||
              std::ranges::find(targets, *common.format,
                                &OutputTarget::format) != targets.end();
  if (used) return {};
  return fail(
      ErrorKind::usage,
      fmt::format("no output has the format {}: the ending of '{}' "
                  "names another",
                  format_name(*common.format), printable(targets.front().path)),
      "-o - is stdout");
}

Status set_file(std::string& file, std::string_view value) {
  if (value.empty()) return usage_error("expected a file");
  file = value;
  return {};
}

}  // namespace

std::string_view format_name(Format format) {
  return std::ranges::find(formats, format, &FormatEntry::format)->name;
}

std::vector<OutputTarget> output_targets(const CommonOptions& common) {
  auto otherwise = common.format.value_or(Format::table);
  if (common.outputs.empty()) return {{"-", otherwise}};
  std::vector<OutputTarget> targets;
  for (const auto& path : common.outputs) {
    auto said = format_of_ending(path);
    bool guessed = !said && !common.format && has_ending(path);
    targets.push_back({path, said.value_or(otherwise), guessed});
  }
  return targets;
}

void say_guessed_formats(std::string_view tool, const CommonOptions& common) {
  if (common.quiet) return;
  for (const auto& target : output_targets(common)) {
    if (!target.is_guessed) continue;
    say(
        fmt::format("{}: the ending of '{}' names no format: it gets a {}; see "
                    "--format\n",
                    tool, printable(target.path), format_name(target.format)));
  }
}

Status check_outputs(const CommonOptions& common) {
  SL_CHECK(check_format_is_used(common));
  for (const auto& target : output_targets(common)) {
    if (!output::is_document(target.format)) continue;
    const auto& format =
        *std::ranges::find(formats, target.format, &FormatEntry::format);
    bool to_stdout = target.path == "-" || target.path == "/dev/stdout";
    if (to_stdout && ::isatty(STDOUT_FILENO) == 1) {
      return fail(
          ErrorKind::usage,
          fmt::format("format {} is not for a terminal", format.name),
          fmt::format("write it to a file, as with -o out{}", format.ending));
    }
    bool apart = !to_stdout && output::has_number(target.path);
    if (common.interval_ns && !apart) {
      return fail(
          ErrorKind::usage,
          fmt::format("--interval makes many documents of format {}, got '{}'",
                      format.name, printable(target.path)),
          fmt::format("number them, as with -o out-%n{}", format.ending));
    }
  }
  return {};
}

void add_from_option(OptionTable& table, CommonOptions& common) {
  table.add({.name = "from",
             .value = "FILE",
             .help = "Show what was recorded before (JSON or pprof) instead of "
                     "measuring. Needs no privileges.",
             .group = "Output",
             .completion = Completion::file,
             .set = [&common](std::string_view value) {
               return set_file(common.from, value);
             }});
  table.add({.name = "diff",
             .value = "BEFORE AFTER",
             .help = "Show what changed between two recordings or files of "
                     "collapsed stacks.",
             .group = "Output",
             .completion = Completion::file,
             .set = [&common](std::string_view value) {
               return set_file(common.before, value);
             }});
}

void add_flame_option(OptionTable& table, CommonOptions& common) {
  table.add({.name = "icicle",
             .help = "Draw the flame graph (--format svg) with its root on "
                     "top.",
             .group = "Output",
             .set = set_flag(common.icicle)});
}

void add_grouping_option(OptionTable& table, CommonOptions& common,
                         std::vector<std::string> keys) {
  table.add({.name = "by",
             .value = "KEY[,...]",
             .help = "What is counted apart.",
             .group = "Output",
             .completion = Completion::choice,
             .choices = keys,
             .set = [&common, keys](std::string_view value) -> Status {
               for (auto key : split(value, ',')) {
                 SL_CHECK(check_choice(key, keys));
                 add_unique(common.by, std::string(key));
               }
               return {};
             }});
}

void add_table_options(OptionTable& table, CommonOptions& common,
                       std::vector<std::string> sort_keys) {
  table.add({.name = "sort",
             .letter = 's',
             .value = "KEY",
             .help = "Column that the rows are sorted by.",
             .group = "Output",
             .completion = Completion::choice,
             .choices = sort_keys,
             .set = [&common, sort_keys](std::string_view value) -> Status {
               SL_CHECK(check_choice(value, sort_keys));
               common.sort = value;
               return {};
             }});
  table.add({.name = "rows",
             .letter = 'r',
             .value = "N",
             .help = "Rows shown.",
             .group = "Output",
             .set = set_number(common.rows, 1, most_rows)});
}

void add_output_options(OptionTable& table, CommonOptions& common,
                        Formats which) {
  add_format_options(table, common, which);
  add_terminal_options(table, common);
  table.add(
      {.name = "max-loss",
       .value = "PCT",
       .help = "End with status 5 when more records than this percentage "
               "are missing.",
       .group = "Output",
       .set = [&common](auto value) { return set_max_loss(common, value); }});
}

}  // namespace sightline::cli
