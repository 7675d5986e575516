// SPDX-License-Identifier: Apache-2.0
#include "base/shell_quote.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace sightline {
namespace {

constexpr std::string_view plain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    "_@%+=:,./-";

// Sections 2.4 and 2.9.1 of the shell command language (POSIX.1-2024), and what
// the standard allows shells to reserve.
constexpr std::array<std::string_view, 19> reserved{
    "!",    "case", "do",     "done",     "elif",  "else",  "esac",
    "fi",   "for",  "if",     "in",       "then",  "until", "while",
    "time", "[[",   "select", "function", "coproc"};

bool is_plain(std::string_view word) {
  return !word.empty() && word.find_first_not_of(plain) == word.npos;
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// As a format of printf(1): a first dash would be taken for an option.
std::string through_printf(std::string_view text) {
  std::string format;
  for (std::size_t at = 0; at < text.size();) {
    auto size = std::max<std::size_t>(utf8_sequence(text, at), 1);
    auto character = text.substr(at, size);
    bool special = character == "%" || character == "\\" || character == "'" ||
                   (at == 0 && character == "-");
    if (!special && printable(character) == character) {
      format += character;
    } else {
      for (unsigned char byte : character) {
        format += fmt::format("\\{:03o}", byte);
      }
    }
    at += size;
  }
  return "\"$(printf '" + format + "')\"";
}

}  // namespace

std::string shell_quote(std::string_view word) {
  if (is_plain(word)) return std::string(word);
  auto end = word.find_last_not_of('\n');
  auto body = word.substr(0, end == word.npos ? 0 : end + 1);
  std::string out;
  if (word.empty() || !body.empty()) {
    out = printable(body) == body ? in_quotes(body) : through_printf(body);
  }
  for (auto i = body.size(); i < word.size(); ++i) out += "\"${IFS#??}\"";
  return out;
}

std::string shell_command(std::span<const std::string> words) {
  std::string out;
  for (const auto& word : words) {
    bool first = &word == words.data();
    bool misread = word.find('=') != word.npos ||
                   std::ranges::find(reserved, word) != reserved.end();
    if (!first) out += ' ';
    out += first && misread && is_plain(word) ? in_quotes(word)
                                              : shell_quote(word);
  }
  return out;
}

}  // namespace sightline
