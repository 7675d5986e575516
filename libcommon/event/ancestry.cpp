// SPDX-License-Identifier: Apache-2.0
#include "event/ancestry.h"

#include <fmt/format.h>

#include <ranges>

#include "event/tally.h"

namespace sightline::event {

void put_ancestry(output::FoldedLine& line,
                  const std::vector<Ancestor>& ancestors) {
  for (const auto& ancestor : ancestors | std::views::reverse) {
    line.frame(ancestor.comm);
  }
}

void FoldedCounts::add(output::FoldedLine& line, std::uint64_t count) {
  auto text = line.finish(0);
  text.erase(text.rfind(' '));
  bool full = counts_.size() >= most_lines && !counts_.contains(text);
  counts_[full ? std::string(others) : text] += count;
}

std::string FoldedCounts::text() const {
  std::string text;
  for (const auto& [line, count] : counts_) {
    text += fmt::format("{} {}\n", line, count);
  }
  return text;
}

}  // namespace sightline::event
