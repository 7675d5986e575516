// SPDX-License-Identifier: Apache-2.0
#include "output/folded.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace sightline::output {
namespace {

std::string_view ending(FrameKind kind) {
  switch (kind) {
    case FrameKind::kernel:
      return "_[k]";
    case FrameKind::inlined:
      return "_[i]";
    case FrameKind::jit:
      return "_[j]";
    case FrameKind::waker:
      return "_[w]";
    case FrameKind::plain:
      break;
  }
  return "";
}

// flamegraph.pl: /^(.*)\s+?(\d+(?:\.\d*)?)$/ is tried a second time on what
// the count left over.
void part_from_count(std::string& name) {
  auto blank = name.find_last_not_of("0123456789.");
  if (blank == std::string::npos || name[blank] != ' ') return;
  if (blank + 1 < name.size()) name[blank] = '_';
}

}  // namespace

FoldedLine& FoldedLine::frame(std::string_view name, FrameKind kind) {
  auto safe = name.empty() ? "[no name]" : printable(name);
  std::ranges::replace(safe, ';', ':');
  part_from_count(safe);
  if (!text_.empty()) text_ += ';';
  text_ += safe;
  text_ += ending(kind);
  return *this;
}

std::string FoldedLine::finish(std::uint64_t count) {
  auto line = std::exchange(text_, {});
  line += ' ';
  line += std::to_string(count);
  line += '\n';
  return line;
}

}  // namespace sightline::output
