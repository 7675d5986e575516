// SPDX-License-Identifier: Apache-2.0
// The words of a flame graph: amounts, shares, labels cut to their room. Pure;
// a part of output/flame_graph.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "output/flame_layout.h"

namespace sightline::output {

// "1,234 samples" or "1.25 ms".
std::string flame_amount(const FlameGraph& graph, std::uint64_t amount);

// "12.34 %"; "0 %" of nothing.
std::string flame_share(std::uint64_t part, std::uint64_t whole);

// Well-formed text in at most so many columns of a monospaced font, where East
// Asian letters take two; what is cut is marked with `…`.
std::string fit_columns(std::string_view text, std::size_t columns);

// "[12 narrower frames]"
std::string merged_name(std::uint32_t frames);

// What stands behind a frame's name when a pointer rests on it.
std::string flame_facts(const FlameGraph& graph, const FlameFrame& frame,
                        const FlameWeight& weight, const FlameWeight& all);

// How many samples are not drawn, and why; empty if none.
std::string hidden_sentence(const FlameGraph& graph, const FlameLayout& layout,
                            const FlameWeight& all);

}  // namespace sightline::output
