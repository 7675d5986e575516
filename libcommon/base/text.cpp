// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <numeric>

namespace sightline {
namespace {

struct Lead {
  std::size_t length;
  std::uint32_t bits;
  std::uint32_t smallest;  // a smaller code point would be an overlong form
};

Lead classify_lead(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if ((byte & 0xe0) == 0xc0) return {2, byte & 0x1fU, 0x80};
  if ((byte & 0xf0) == 0xe0) return {3, byte & 0x0fU, 0x800};
  if ((byte & 0xf8) == 0xf0) return {4, byte & 0x07U, 0x10000};
  return {0, 0, 0};
}

struct Decoded {
  std::size_t length = 0;
  std::uint32_t point = 0;
};

Decoded decode(std::string_view text, std::size_t at) {
  auto lead = classify_lead(static_cast<unsigned char>(text[at]));
  if (lead.length == 0 || at + lead.length > text.size()) return {};
  auto point = lead.bits;
  for (std::size_t i = 1; i < lead.length; ++i) {
    auto byte = static_cast<unsigned char>(text[at + i]);
    if ((byte & 0xc0) != 0x80) return {};
    point = (point << 6) | (byte & 0x3fU);
  }
  bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < lead.smallest || point > 0x10ffff || surrogate) return {};
  return {lead.length, point};
}

// Characters that move the cursor, start an escape sequence, break a line or
// turn the direction of the text around them (Unicode 15, Bidi_Control).
bool is_control(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 ||
         point == 0x2029 || point == 0x200e || point == 0x200f ||
         point == 0x061c || (point >= 0x202a && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

void append_escaped(std::string& out, std::string_view bytes) {
  for (unsigned char byte : bytes) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
  }
}

// Optimal string alignment: a letter added, dropped, changed, or swapped with
// its neighbour is one slip.
std::size_t slips(std::string_view from, std::string_view to) {
  std::vector<std::size_t> older(to.size() + 1);
  std::vector<std::size_t> last(to.size() + 1);
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      bool same = from[i - 1] == to[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + !same});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] &&
          from[i - 2] == to[j - 1]) {
        row[j] = std::min(row[j], older[j - 2] + 1);
      }
    }
    older.swap(last);
    last.swap(row);
  }
  return last[to.size()];
}

bool is_printable_ascii(unsigned char byte) {
  return byte >= 0x20 && byte < 0x7f;
}

}  // namespace

std::size_t utf8_sequence(std::string_view text, std::size_t at) {
  return decode(text, at).length;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    auto length = utf8_sequence(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string printable(std::string_view text) {
  // Most are, and there may be many.
  if (std::ranges::all_of(text, is_printable_ascii)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    auto [length, point] = decode(text, at);
    auto bytes = text.substr(at, std::max<std::size_t>(length, 1));
    if (length == 0 || is_control(point)) {
      append_escaped(out, bytes);
    } else {
      out.append(bytes);
    }
    at += bytes.size();
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    unsigned char byte = 0;
    const auto* begin = digits.data() + i;
    auto [end, code] = std::from_chars(begin, begin + 2, byte, 16);
    if (code != std::errc{} || end != begin + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](unsigned char byte) { return (byte & 0xc0) != 0x80; }));
}

std::string truncate(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t end = 0;
  for (std::size_t column = 0; column + 1 < width; ++column) {
    end += std::max<std::size_t>(utf8_sequence(text, end), 1);
  }
  return std::string(text.substr(0, end)) + "…";
}

std::vector<std::string> wrap_words(std::string_view text,
                                    std::size_t columns) {
  std::vector<std::string> lines;
  for (auto word : split(text, ' ')) {
    if (word.empty()) continue;
    bool fits =
        !lines.empty() &&
        display_width(lines.back()) + display_width(word) + 1 <= columns;
    if (fits) {
      lines.back() += ' ';
      lines.back() += word;
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string closest_name(std::string_view name,
                         const std::vector<std::string>& candidates) {
  // Beyond a third of the letters it would be a guess, not a correction; names
  // longer than any option's or event's need no comparing.
  constexpr std::size_t longest = 100;
  if (name.size() > longest) return {};
  auto nearest = std::max<std::size_t>(1, name.size() / 3) + 1;
  std::string closest;
  for (const auto& candidate : candidates) {
    auto distance = slips(name, candidate);
    if (distance < nearest) {
      nearest = distance;
      closest = candidate;
    }
  }
  return closest;
}

}  // namespace sightline
