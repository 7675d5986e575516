// SPDX-License-Identifier: Apache-2.0
// Numbers as people type and read them. Parsing is strict: decimal digits only,
// no sign, no blank, nothing left over; the failure names what was expected.
// Everything is pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sightline {

inline constexpr std::uint64_t ns_per_second = 1'000'000'000;
inline constexpr std::uint64_t ns_per_ms = 1'000'000;

// A decimal number from `low` to `high`.
Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t low,
                                   std::uint64_t high);

// `5`, `5s`, `500ms`, `250us`, `2m`, `1h`, `1.5s` -> nanoseconds, over 0 and at
// most a year. A bare number is seconds.
Result<std::uint64_t> parse_duration(std::string_view text);

// `4096`, `64K`, `64M`, `1G` (of 1,024 each) -> bytes, from `low` to `high`.
Result<std::uint64_t> parse_bytes(std::string_view text, std::uint64_t low,
                                  std::uint64_t high);

// The kernel's CPU list: `0-3,8` -> 0 1 2 3 8, ascending and unique
// (Documentation/admin-guide/cputopology.rst).
Result<std::vector<int>> parse_cpu_list(std::string_view text);

// Three significant digits with a unit: `812 ns`, `1.25 ms`, `10.0 s`, `3m
// 20s`.
std::string format_duration(std::uint64_t ns);

// The same as one word, `1.25ms`, for columns that awk counts.
std::string format_duration_word(std::uint64_t ns);

// `900 B`, `1.5 KiB`, `16.0 MiB`.
std::string format_bytes(std::uint64_t bytes);

// Thousands apart: 1234567 -> `1,234,567`.
std::string format_count(std::uint64_t count);

// A part of a whole in percent; 0 of nothing.
double percent(std::uint64_t part, std::uint64_t whole);

}  // namespace sightline
