// SPDX-License-Identifier: Apache-2.0
// The command line, in two steps: CLI11 takes it apart (long and short names,
// clusters, joined and separate values), then the table's setters judge it.
// CLI11 sees every value as plain text: its own conversions read 010 as octal
// and let nan through, and its messages name neither program nor remedy.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "base/units.h"
#include "cli/option.h"

namespace sightline::cli {
namespace {

using Tokens = std::vector<std::string>;

struct Given {
  const Option* option;
  std::string value;
};

// A command line taken apart. `problem` is set where it ended too early.
struct Lexed {
  std::vector<Given> given;
  Tokens loose;  // arguments without a dash, and unknown options
  std::optional<Error> problem;
};

std::unexpected<Error> usage_error(std::string what, std::string hint = {}) {
  return fail(ErrorKind::usage, std::move(what), std::move(hint));
}

std::unexpected<Error> value_expected(const Option& option) {
  return usage_error(
      fmt::format("--{}: expected {}, got nothing", option.name, option.value));
}

std::string cli11_names(const Option& option) {
  return option.letter == 0
             ? fmt::format("--{}", option.name)
             : fmt::format("-{},--{}", option.letter, option.name);
}

// The option that a token such as --pid, -p or -vp ends in.
const Option* option_of(const OptionTable& table, std::string_view token) {
  if (token.starts_with("--")) return table.find(token.substr(2));
  return token.empty() ? nullptr : table.find(token.back());
}

// CLI11 fails in one case only: the last token is an option that still needs
// its value (unknown ones are collected, repeated ones are counted by us).
Error ended_early(const OptionTable& table, const Tokens& tokens,
                  const CLI::ParseError& cause) {
  const auto* option =
      tokens.empty() ? nullptr : option_of(table, tokens.back());
  if (option != nullptr) return value_expected(*option).error();
  return Error{ErrorKind::usage, 0, printable(cause.what()), {}};
}

Lexed lex(const OptionTable& table, const Tokens& tokens) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::map<const CLI::Option*, const Option*> ours;
  for (const auto& option : table.options()) {
    auto* added = option.value.empty() ? app.add_flag(cli11_names(option))
                                       : app.add_option(cli11_names(option));
    added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    ours[added] = &option;
  }
  Lexed lexed;
  try {
    app.parse(Tokens(tokens.rbegin(), tokens.rend()));
  } catch (const CLI::ParseError& cause) {
    lexed.problem = ended_early(table, tokens, cause);
  }
  std::map<const CLI::Option*, std::size_t> seen;
  for (const auto* added : app.parse_order()) {
    lexed.given.push_back({ours.at(added), added->results()[seen[added]++]});
  }
  lexed.loose = app.remaining();
  return lexed;
}

// --name= would make CLI11 take the next argument as the value, and --switch=x
// would count as a number of switches.
Status check_assignments(const OptionTable& table, const Tokens& tokens) {
  for (std::string_view token : tokens) {
    auto equals = token.find('=');
    if (!token.starts_with("--") || equals == std::string_view::npos) continue;
    const auto* option = table.find(token.substr(2, equals - 2));
    if (option == nullptr) continue;
    if (option->value.empty()) {
      return usage_error(fmt::format("--{}: takes no value, got '{}'",
                                     option->name,
                                     printable(token.substr(equals + 1))));
    }
    if (equals + 1 == token.size()) return value_expected(*option);
  }
  return {};
}

// "did you mean --duration?", or nothing when no name is near.
std::string nearest_name(const OptionTable& table, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& option : table.options()) {
    if (!option.hidden) names.push_back(option.name);
  }
  auto nearest = closest_name(name, names);
  return nearest.empty() ? nearest : fmt::format("did you mean --{}?", nearest);
}

// The flag itself of an unknown token: --name=x -> --name, -xyz -> -x.
std::string_view flag_of(std::string_view token) {
  if (token.starts_with("--")) return token.substr(0, token.find('='));
  auto letter = std::max<std::size_t>(utf8_sequence(token, 1), 1);
  return token.substr(0, 1 + letter);
}

std::unexpected<Error> unknown_option(const OptionTable& table,
                                      std::string_view token) {
  auto flag = flag_of(token);
  auto known = std::ranges::find(table.info().hints, flag, &Hint::flag);
  std::string hint;
  if (known != table.info().hints.end()) {
    hint = known->text;
  } else if (flag.starts_with("--")) {
    hint = nearest_name(table, flag.substr(2));
  }
  return usage_error(fmt::format("unknown option '{}'", printable(flag)),
                     std::move(hint));
}

// A negative number is a bad value, not an option.
bool looks_like_option(std::string_view token) {
  return token.size() > 1 && token[0] == '-' &&
         (token[1] < '0' || token[1] > '9');
}

// A number may be meant as a duration, a word as a command.
std::string loose_hint(const OptionTable& table, std::string_view token) {
  bool word = !token.empty() && token.find_first_of("0123456789-") != 0;
  bool has_place = !table.positionals().empty();
  if (!word && !has_place && table.find("duration") && parse_duration(token)) {
    return fmt::format("did you mean -d {}?", printable(token));
  }
  if (!table.info().takes_command || !word) return {};
  return fmt::format("to run a command, write: {} -- {}", table.info().name,
                     printable(token));
}

Status set_positionals(const OptionTable& table, const Tokens& loose) {
  const auto& positionals = table.positionals();
  for (std::size_t i = 0; i < loose.size(); ++i) {
    auto hint = loose_hint(table, loose[i]);
    if (i >= positionals.size()) {
      return usage_error(
          fmt::format("unexpected argument '{}'", printable(loose[i])), hint);
    }
    auto status = positionals[i].set(loose[i]);
    if (status) continue;
    return usage_error(
        fmt::format("{}: {}", positionals[i].name, status.error().what), hint);
  }
  return {};
}

// -p=3 would be the value "=3", as getopt has it too; a file named "=x" or a
// pattern that never matches is not what anyone meant.
bool short_assignment(const Given& given, const Tokens& tokens) {
  if (given.option->letter == 0 || !given.value.starts_with('=')) return false;
  auto tail = given.option->letter + given.value;
  return std::ranges::any_of(tokens, [&](const std::string& token) {
    return token.starts_with('-') && !token.starts_with("--") &&
           token.ends_with(tail);
  });
}

std::unexpected<Error> explain_assignment(const Given& given) {
  const auto& option = *given.option;
  auto value = printable(given.value.substr(1));
  auto hint = value.empty()
                  ? std::string()
                  : fmt::format("write -{} {} or --{}={}", option.letter, value,
                                option.name, value);
  return usage_error(fmt::format("--{}: expected {}, got '={}'", option.name,
                                 option.value, value),
                     std::move(hint));
}

Status set_option(const Given& given, const Tokens& tokens) {
  const auto& option = *given.option;
  if (short_assignment(given, tokens)) return explain_assignment(given);
  if (!option.value.empty() && given.value.empty()) {
    return value_expected(option);
  }
  if (!option.set) return {};
  auto status = option.set(given.value);
  if (status) return {};
  return usage_error(fmt::format("--{}: {}", option.name, status.error().what),
                     status.error().hint);
}

Status set_options(const Lexed& lexed, const Tokens& tokens) {
  std::set<const Option*> seen;
  for (const auto& given : lexed.given) {
    const auto& option = *given.option;
    bool again = !seen.insert(&option).second;
    if (again && !option.value.empty() && !option.repeatable) {
      return usage_error(fmt::format("--{}: given twice", option.name));
    }
    SL_CHECK(set_option(given, tokens));
  }
  return {};
}

// The first request for something else than a run, with the switches that
// shape the answer.
std::optional<Parsed> requested_action(const Lexed& lexed) {
  auto at = std::ranges::find_if(lexed.given, [](const Given& given) {
    return given.option->action != Action::run;
  });
  if (at == lexed.given.end()) return {};
  for (const auto& given : lexed.given) {
    // What two switches have against each other does not matter here.
    if (given.option->value.empty() && given.option->set) {
      (void)given.option->set({});
    }
  }
  Parsed parsed{.action = at->option->action};
  if (parsed.action == Action::generate) parsed.generate = at->value;
  return parsed;
}

// Splits at the first --; what follows is the command.
Result<Tokens> take_command(const OptionTable& table, Tokens& tokens) {
  auto mark = std::ranges::find(tokens, "--");
  if (mark == tokens.end()) return Tokens{};
  Tokens command(mark + 1, tokens.end());
  tokens.erase(mark, tokens.end());
  if (!table.info().takes_command) {
    return usage_error("unknown option '--'",
                       fmt::format("{} runs no command", table.info().name));
  }
  if (command.empty()) return usage_error("expected a command after '--'");
  return command;
}

}  // namespace

Result<Parsed> OptionTable::parse(std::span<char* const> argv) const {
  Tokens tokens;
  if (!argv.empty()) tokens.assign(argv.begin() + 1, argv.end());
  auto command = take_command(*this, tokens);
  auto lexed = lex(*this, tokens);
  if (auto parsed = requested_action(lexed)) return *std::move(parsed);
  SL_CHECK(check_assignments(*this, tokens));
  if (lexed.problem) return std::unexpected(*std::move(lexed.problem));
  auto unknown = std::ranges::find_if(lexed.loose, looks_like_option);
  if (unknown != lexed.loose.end()) return unknown_option(*this, *unknown);
  SL_CHECK(set_options(lexed, tokens));
  SL_CHECK(set_positionals(*this, lexed.loose));
  return Parsed{.command = SL_TRY(std::move(command))};
}

}  // namespace sightline::cli
