// SPDX-License-Identifier: Apache-2.0
#include "dns/host_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace sightline::dns {
namespace {

// Not <cctype>, which asks the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_plain(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
}

// \200 and on: what is not ASCII. At the front of the text.
bool is_escape(std::string_view text) {
  return text.size() >= 4 && text[0] == '\\' &&
         std::ranges::all_of(text.substr(1, 3), is_digit) &&
         text.substr(1, 3) >= "128" && text.substr(1, 3) <= "255";
}

}  // namespace

bool ends_in_number(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  auto last = name.substr(name.rfind('.') + 1);
  if (last.starts_with("0x") || last.starts_with("0X")) {
    return std::ranges::all_of(last.substr(2), is_hex_digit);
  }
  return !last.empty() && std::ranges::all_of(last, is_digit);
}

bool is_host_name(std::string_view name) {
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < name.size(); ++bytes) {
    bool escaped = is_escape(name.substr(at));
    if (!escaped && !is_plain(name[at])) return false;
    at += escaped ? 4 : 1;
  }
  return bytes <= most_host_name_bytes && !name.empty() &&
         !name.starts_with('.') && !ends_in_number(name);
}

std::optional<std::string> host_name(std::string_view bytes) {
  std::string name;
  if (bytes.size() > most_host_name_bytes) return std::nullopt;
  for (char c : bytes) {
    if (c == '\\') return std::nullopt;
    auto value = static_cast<unsigned char>(c);
    if (value < 0x80) {
      name += c;
    } else {
      fmt::format_to(std::back_inserter(name), "\\{:03}", value);
    }
  }
  if (!is_host_name(name)) return std::nullopt;
  return name;
}

}  // namespace sightline::dns
