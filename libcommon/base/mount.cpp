// SPDX-License-Identifier: Apache-2.0
#include "base/mount.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace sightline {
namespace {

// Positions in a line (Documentation/filesystems/proc.rst, 3.5): optional
// fields follow the first six, then "-", then the type.
constexpr std::size_t root_field = 3;
constexpr std::size_t point_field = 4;
constexpr std::size_t fixed_fields = 6;

bool is_octal_escape(std::string_view text) {
  return text.size() >= 4 && text[0] == '\\' && text[1] >= '0' &&
         text[1] <= '3' && std::ranges::all_of(text.substr(1, 3), [](char c) {
           return c >= '0' && c <= '7';
         });
}

// The kernel writes blanks, tabs, newlines, '#' and backslashes of a path as
// \ooo (show_mountinfo, fs/proc_namespace.c, 6.18).
std::string unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (is_octal_escape(text)) {
      auto code = (text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0');
      out.push_back(static_cast<char>(code));
      text.remove_prefix(4);
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> find_mount(std::string_view mountinfo,
                                      std::string_view type) {
  std::optional<std::string> partial;
  for (auto line : split(mountinfo, '\n')) {
    auto fields = split(line, ' ');
    if (fields.size() <= fixed_fields) continue;
    auto dash = std::find(fields.begin() + fixed_fields, fields.end(), "-");
    if (dash == fields.end() || dash + 1 == fields.end()) continue;
    if (dash[1] != type) continue;
    if (fields[root_field] == "/") return unescape(fields[point_field]);
    if (!partial) partial = unescape(fields[point_field]);
  }
  return partial;
}

}  // namespace sightline
