// SPDX-License-Identifier: Apache-2.0
#include "output/flame_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "output/flame_colors.h"

namespace sightline::output {
namespace {

// From U+1100 on, where Hangul, Han and most of what is wide begins.
std::size_t columns_of(std::string_view letter) {
  return letter >= "\xe1\x84\x80" ? 2 : 1;
}

std::string_view letter_at(std::string_view text, std::size_t at) {
  return text.substr(at, std::max<std::size_t>(utf8_sequence(text, at), 1));
}

}  // namespace

std::string flame_amount(const FlameGraph& graph, std::uint64_t amount) {
  if (graph.unit == FlameUnit::nanoseconds) return format_duration(amount);
  return format_count(amount) + " " + graph.counted;
}

std::string flame_share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "0 %";
  return fmt::format("{:.2f} %", 100.0 * static_cast<double>(part) /
                                     static_cast<double>(whole));
}

std::string fit_columns(std::string_view text, std::size_t columns) {
  std::size_t used = 0;
  std::size_t kept = 0;  // bytes before which there is room for the mark
  for (std::size_t at = 0; at < text.size();) {
    auto letter = letter_at(text, at);
    used += columns_of(letter);
    if (used > columns) return std::string(text.substr(0, kept)) + "…";
    at += letter.size();
    if (used < columns) kept = at;
  }
  return std::string(text);
}

std::string merged_name(std::uint32_t frames) {
  return fmt::format("[{} narrower frame{}]", frames, frames == 1 ? "" : "s");
}

std::string flame_facts(const FlameGraph& graph, const FlameFrame& frame,
                        const FlameWeight& weight, const FlameWeight& all) {
  std::string facts;
  auto add = [&](std::string_view fact) {
    if (fact.empty()) return;
    if (!facts.empty()) facts += " · ";
    facts += fact;
  };
  if (frame.kind != FlameKind::group) add(name_of(frame.kind));
  add(frame.object);
  add(frame.reason);
  add(flame_amount(graph, weight.total));
  add(flame_share(weight.total, all.total));
  if (graph.difference) add("before " + flame_amount(graph, weight.before));
  return facts;
}

std::string hidden_sentence(const FlameGraph& graph, const FlameLayout& layout,
                            const FlameWeight& all) {
  if (layout.hidden == 0) return {};
  auto width = layout.least_width == 1
                   ? std::string("a pixel")
                   : fmt::format("{:g} pixels", layout.least_width);
  return fmt::format(
      "not drawn: {} ({}) in frames narrower than {}, merged or left out",
      flame_amount(graph, layout.hidden), flame_share(layout.hidden, all.total),
      width);
}

}  // namespace sightline::output
