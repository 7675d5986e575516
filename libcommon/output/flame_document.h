// SPDX-License-Identifier: Apache-2.0
// The markup of a flame graph whose layout is known. A part of
// output/flame_graph.h.
#pragma once

#include "output/flame_layout.h"

namespace sightline::output {

inline constexpr double flame_margin = 10;  // pixels left and right

// Fails as `write` does.
Status write_flame_document(
    const FlameTree& tree, const FlameLayout& layout, const FlameTitle& title,
    const FlameOptions& options,
    const std::function<Status(std::string_view text)>& write);

}  // namespace sightline::output
