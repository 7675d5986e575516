// SPDX-License-Identifier: Apache-2.0
#include "cli/option.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace sightline::cli {

const Option* OptionTable::find(std::string_view name) const {
  auto at = std::ranges::find(options_, name, &Option::name);
  return at == options_.end() ? nullptr : &*at;
}

const Option* OptionTable::find(char letter) const {
  if (letter == 0) return nullptr;
  auto at = std::ranges::find(options_, letter, &Option::letter);
  return at == options_.end() ? nullptr : &*at;
}

std::vector<std::string> OptionTable::groups() const {
  std::vector<std::string> names;
  for (const auto& option : options_) {
    if (!option.hidden && !std::ranges::count(names, option.group)) {
      names.push_back(option.group);
    }
  }
  std::ranges::stable_partition(
      names, [](const std::string& name) { return name != "General"; });
  return names;
}

std::vector<const Option*> OptionTable::in_group(std::string_view group) const {
  std::vector<const Option*> members;
  for (const auto& option : options_) {
    if (!option.hidden && option.group == group) members.push_back(&option);
  }
  return members;
}

bool takes_list(const Option& option) {
  return option.value.ends_with("[,...]");
}

std::string description(const Option& option) {
  if (option.choices.empty()) return option.help;
  auto lead = takes_list(option) ? "Any of" : "One of";
  if (option.open_ended) lead = "Such as";
  return fmt::format("{} {} {}.", option.help, lead,
                     fmt::join(option.choices, ", "));
}

std::string join_choices(const std::vector<std::string>& choices) {
  if (choices.empty()) return {};
  if (choices.size() == 1) return choices.front();
  return fmt::format("{} or {}",
                     fmt::join(choices.begin(), choices.end() - 1, ", "),
                     choices.back());
}

Status check_choice(std::string_view text,
                    const std::vector<std::string>& choices) {
  if (std::ranges::find(choices, text) != choices.end()) return {};
  return fail(ErrorKind::usage,
              fmt::format("expected {}, got '{}'", join_choices(choices),
                          printable(text)));
}

}  // namespace sightline::cli
