// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "base/text.h"

namespace sightline {
namespace {

constexpr double year_seconds = 366.0 * 24 * 3600;
constexpr std::uint64_t most_cpus = 1U << 20;

struct Unit {
  std::string_view name;
  double ns;
};
constexpr std::array<Unit, 7> units{{{"", 1e9},
                                     {"s", 1e9},
                                     {"ms", 1e6},
                                     {"us", 1e3},
                                     {"ns", 1},
                                     {"m", 60e9},
                                     {"h", 3600e9}}};

std::unexpected<Error> not_a_duration(std::string_view text) {
  return fail(ErrorKind::usage,
              fmt::format("expected a time such as 5, 500ms or 2m, got '{}'",
                          printable(text)));
}

bool only_digits(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Digits with at most one decimal point between them; no sign, no exponent.
bool is_decimal(std::string_view text) {
  auto point = text.find('.');
  if (point == std::string_view::npos) return only_digits(text);
  return only_digits(text.substr(0, point)) &&
         only_digits(text.substr(point + 1));
}

// A set of flags, so that a hostile list of a thousand overlapping ranges takes
// no more memory than one.
Status add_cpu_range(std::string_view part, std::vector<bool>& chosen) {
  auto dash = part.find('-');
  auto first = SL_TRY(parse_number(part.substr(0, dash), 0, most_cpus));
  auto last = first;
  if (dash != std::string_view::npos) {
    last = SL_TRY(parse_number(part.substr(dash + 1), first, most_cpus));
  }
  chosen.resize(std::max<std::size_t>(chosen.size(), last + 1));
  auto from = chosen.begin() + static_cast<std::ptrdiff_t>(first);
  std::fill_n(from, last - first + 1, true);
  return {};
}

}  // namespace

Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t low,
                                   std::uint64_t high) {
  std::uint64_t value = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  bool whole = only_digits(text) && code == std::errc{} &&
               end == text.data() + text.size();
  if (whole && value >= low && value <= high) return value;
  return fail(ErrorKind::usage,
              fmt::format("expected a whole number from {} to {}, got '{}'",
                          low, high, printable(text)));
}

Result<std::uint64_t> parse_bytes(std::string_view text, std::uint64_t low,
                                  std::uint64_t high) {
  constexpr std::string_view letters = "KkMmGg";
  auto letter = text.empty() ? letters.npos : letters.find(text.back());
  unsigned shift = letter == letters.npos ? 0 : 10 * (unsigned(letter) / 2 + 1);
  auto digits = shift == 0 ? text : text.substr(0, text.size() - 1);
  auto number = parse_number(digits, 0, UINT64_MAX >> shift);
  if (number && *number << shift >= low && *number << shift <= high) {
    return *number << shift;
  }
  return fail(
      ErrorKind::usage,
      fmt::format("expected a size from {} to {}, such as 64M, got "
                  "'{}'",
                  format_bytes(low), format_bytes(high), printable(text)));
}

Result<std::uint64_t> parse_duration(std::string_view text) {
  auto end = std::min(text.find_first_not_of("0123456789."), text.size());
  auto digits = text.substr(0, end);
  auto unit = std::ranges::find(units, text.substr(end), &Unit::name);
  if (!is_decimal(digits) || unit == units.end()) return not_a_duration(text);
  double value = 0;
  auto [rest, code] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc{}) return not_a_duration(text);  // hundreds of digits
  auto ns = value * unit->ns;
  if (ns < 1) {
    return fail(ErrorKind::usage,
                fmt::format("expected a time over 0, got '{}'", text));
  }
  if (ns > year_seconds * 1e9) {
    return fail(
        ErrorKind::usage,
        fmt::format("expected a time of at most a year, got '{}'", text));
  }
  return static_cast<std::uint64_t>(std::llround(ns));
}

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::vector<bool> chosen;
  for (auto part : split(text, ',')) {
    if (!add_cpu_range(part, chosen)) {
      return fail(ErrorKind::usage,
                  fmt::format("expected a CPU list such as 0-3,8, got '{}'",
                              printable(text)));
    }
  }
  std::vector<int> cpus;
  for (std::size_t cpu = 0; cpu < chosen.size(); ++cpu) {
    if (chosen[cpu]) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

std::string format_duration(std::uint64_t ns) {
  if (ns < 1000) return fmt::format("{} ns", ns);
  if (ns >= 100 * ns_per_second) {
    auto seconds =
        ns / ns_per_second + (ns % ns_per_second * 2) / ns_per_second;
    if (seconds < 3600)
      return fmt::format("{}m {:02}s", seconds / 60, seconds % 60);
    return fmt::format("{}h {:02}m", seconds / 3600, seconds % 3600 / 60);
  }
  constexpr std::array<std::string_view, 3> names{"us", "ms", "s"};
  auto value = static_cast<double>(ns) / 1e3;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < names.size()) {
    value /= 1e3;
    ++unit;
  }
  int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, names[unit]);
}

std::string format_duration_word(std::uint64_t ns) {
  auto text = format_duration(ns);
  std::erase(text, ' ');
  return text;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<std::string_view, 5> names{"KiB", "MiB", "GiB", "TiB",
                                                  "PiB"};
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < names.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, names[unit]);
}

std::string format_count(std::uint64_t count) {
  auto text = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0;
       at -= 3) {
    text.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return text;
}

double percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0;
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace sightline
