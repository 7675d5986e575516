// SPDX-License-Identifier: Apache-2.0
#include "output/numbered.h"

namespace sightline::output {
namespace {

constexpr std::string_view mark = "%n";

}  // namespace

bool has_number(std::string_view path) { return path.contains(mark); }

std::string numbered(std::string_view path, std::uint64_t number) {
  std::string name;
  for (auto at = path.find(mark); at != path.npos; at = path.find(mark)) {
    name += path.substr(0, at);
    name += std::to_string(number);
    path.remove_prefix(at + mark.size());
  }
  name += path;
  return name;
}

}  // namespace sightline::output
