// SPDX-License-Identifier: Apache-2.0
#include "output/bars.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"

namespace sightline::output {
namespace {

constexpr std::size_t most_stars = 40;

// At least one for what is there at all.
std::size_t stars_of(std::uint64_t count, std::uint64_t largest,
                     std::size_t room) {
  if (count == 0) return 0;
  auto share = static_cast<double>(count) / static_cast<double>(largest);
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(share * static_cast<double>(room)));
}

}  // namespace

std::string duration_bars(const Histogram& values, std::size_t width) {
  auto powers = values.by_power();
  std::uint64_t largest = 0;
  for (const auto& power : powers) largest = std::max(largest, power.count);
  std::string text;
  for (const auto& [from, count] : powers) {
    auto to = std::max<std::uint64_t>(from * 2, 2);
    auto line = fmt::format(
        "  {:>7} - {:<7} {:>11} |{:<{}}|", format_duration_word(from),
        format_duration_word(to), format_count(count),
        std::string(stars_of(count, largest, most_stars), '*'), most_stars);
    text += (width > 0 ? truncate(line, width) : line) + "\n";
  }
  return text;
}

}  // namespace sightline::output
