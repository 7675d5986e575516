// SPDX-License-Identifier: Apache-2.0
// Text from strangers: process names, paths, symbol names. They may hold
// anything a byte can; what reaches a terminal or a file goes through here.
// All functions are pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sightline {

// Length of the well-formed UTF-8 sequence that starts at text[at], 0 if there
// is none (overlong forms, surrogates and code points over U+10FFFF are none).
std::size_t utf8_sequence(std::string_view text, std::size_t at);

bool is_utf8(std::string_view text);

// For people: control characters (C0, DEL, C1), line and bidi controls, and
// bytes that are not UTF-8 become \xNN; all else stays as it is.
std::string printable(std::string_view text);

// The bytes as lower-case hexadecimal, two digits each.
std::string to_hex(std::string_view bytes);
// The way back; nothing for what is not that.
std::optional<std::string> from_hex(std::string_view digits);

// Columns that well-formed text takes in a terminal: one a code point.
std::size_t display_width(std::string_view text);

// At most `width` columns; what is cut is marked with `…` at the end.
std::string truncate(std::string_view text, std::size_t width);

// Broken at blanks, into lines of about so many columns.
std::vector<std::string> wrap_words(std::string_view text, std::size_t columns);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

// The candidate that is fewest typing slips away from `name`, if it is near
// enough to be what was meant; else empty.
std::string closest_name(std::string_view name,
                         const std::vector<std::string>& candidates);

}  // namespace sightline
