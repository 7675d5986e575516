// SPDX-License-Identifier: Apache-2.0
// What a flame graph is painted with: hues that the colour-blind can tell apart
// too, on which text has a contrast of at least 4.5 to 1, by day and by night.
// A part of output/flame_graph.h.
#pragma once

#include <string>
#include <string_view>

#include "output/flame_graph.h"

namespace sightline::output {

// One letter a kind: of its colour classes, and in what the script reads.
char letter_of(FlameKind kind);
std::string_view name_of(FlameKind kind);

// Class of a frame: its kind's letter, and one of three shades by its name, so
// that neighbours differ and a function looks the same wherever it is.
std::string kind_class(const FlameFrame& frame);

// Class of a frame in a difference: r1 to r4 grew, b1 to b4 shrank, n0 neither,
// by the change against the larger of the two.
std::string change_class(double before, double after);

inline constexpr std::string_view merged_class = "m0";

// The rules of all these classes, light and dark.
std::string color_rules();

}  // namespace sightline::output
