// SPDX-License-Identifier: Apache-2.0
// What has changed between two profiles. They are compared as collapsed stacks,
// so that any two can be that were ever written, by whatever program; and by
// shares, because no two runs are of one length. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "output/flame_graph.h"

namespace sightline::stack {

// Collapsed stacks as flamegraph.pl takes them, without their counts.
struct FoldedProfile {
  std::unordered_map<std::string, std::uint64_t> stacks = {};
  std::uint64_t total = 0;

  // "root;caller;leaf COUNT". Fails, with what is wrong, for another line and
  // where the sum would be 2^64 or more.
  Status add(std::string_view line);
};

// One function of both profiles; a name in two files is one function here. The
// first frame of a stack names its process, and is none.
struct FunctionChange {
  std::string name;  // as in the stacks, with its _[k] or the like
  std::uint64_t self_before = 0;
  std::uint64_t self_after = 0;
  std::uint64_t total_before = 0;
  std::uint64_t total_after = 0;
};

struct Difference {
  std::uint64_t before = 0;  // samples
  std::uint64_t after = 0;
  std::vector<FunctionChange> functions = {};  // in no order
};

Difference difference(const FoldedProfile& before, const FoldedProfile& after);

// How far two shares are apart, in standard deviations, taking samples for
// independent; positive when the share grew, 0 where nothing can be said. The
// signed root of the likelihood ratio (G²) of the two by two table, which also
// holds where a share stands for less than a sample of the shorter profile.
double deviations(std::uint64_t before, std::uint64_t of_before,
                  std::uint64_t after, std::uint64_t of_after);

// Changes below this are as good as noise: of a thousand functions that did not
// change about one reaches it.
inline constexpr double noise_deviations = 3.3;

// A count of the earlier profile at the length of the later one, rounded.
std::uint64_t scaled(std::uint64_t count, std::uint64_t before,
                     std::uint64_t after);

// A stack of either side, the earlier count at the length of the later one.
// What rounding leaves over is carried to the next stack, so that neither all
// of them nor those below one frame are more or fewer than they were.
struct StackChange {
  std::string_view stack;  // of one of the profiles
  std::uint64_t before = 0;
  std::uint64_t after = 0;
};

// In the order of their texts.
std::vector<StackChange> stack_changes(const FoldedProfile& before,
                                       const FoldedProfile& after);

// Both in one picture: nodes as wide as after, or before; red grew.
output::FlameGraph difference_graph(const FoldedProfile& before,
                                    const FoldedProfile& after);

}  // namespace sightline::stack
