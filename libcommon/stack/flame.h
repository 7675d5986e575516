// SPDX-License-Identifier: Apache-2.0
// A profile as the tree that a flame graph draws.
#pragma once

#include "output/flame_graph.h"
#include "stack/names.h"
#include "stack/profile.h"
#include "stack/rank.h"

namespace sightline::stack {

// The stacks that fold() writes, merged from the root on: the labels are the
// frames next to it, and weights are how often a stack was counted. Pure.
output::FlameGraph flame_graph(const Profile& profile, const Names& names,
                               const Labeller& labels);

}  // namespace sightline::stack
