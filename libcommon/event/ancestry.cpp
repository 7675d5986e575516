// SPDX-License-Identifier: Apache-2.0
#include "event/ancestry.h"

#include <fmt/format.h>

#include <ranges>

namespace sightline::event {

void put_ancestry(output::FoldedLine& line,
                  const std::vector<Ancestor>& ancestors) {
  for (const auto& ancestor : ancestors | std::views::reverse) {
    line.frame(ancestor.comm);
  }
}

void FoldedCounts::add(output::FoldedLine& line, std::uint64_t count) {
  auto text = line.finish(0);
  counts_[text.substr(0, text.rfind(' '))] += count;
}

std::string FoldedCounts::text() const {
  std::string text;
  for (const auto& [line, count] : counts_) {
    text += fmt::format("{} {}\n", line, count);
  }
  return text;
}

}  // namespace sightline::event
