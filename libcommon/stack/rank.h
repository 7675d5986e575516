// SPDX-License-Identifier: Apache-2.0
// What is on top: groups, functions and stacks by their weight. Pure functions
// over a profile whose frames are all named.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "stack/names.h"
#include "stack/profile.h"

namespace sightline::stack {

// What a row is filed under, one text a grouping key.
using Labels = std::vector<std::string>;
using Labeller = std::function<Labels(const RowKey&)>;

struct RankedGroup {
  Labels labels;
  Counts counts;
};

// A function counts once in the total of each stack that it is on, however
// often it recurs there, and whether it is inlined or called; its self time is
// that of the stacks in which it is the innermost. Lines are not told apart.
struct RankedFunction {
  FunctionId function = 0;
  Counts self;
  Counts total;
};

// Stacks merged by function: `tree` holds them with a FunctionId as the value
// of each node, so that 100,000 of them stay small.
struct RankedStacks {
  struct Entry {
    std::uint32_t labels = 0;  // index below
    CallTree::Node stack = CallTree::root;
    Counts counts;
  };
  CallTree tree;
  std::vector<Labels> labels;
  std::vector<Entry> entries;

  // The functions of an entry, root first.
  [[nodiscard]] std::vector<FunctionId> functions(const Entry& entry) const;
};

// Each by descending weight (sum).
std::vector<RankedGroup> rank_groups(const Profile& profile,
                                     const Labeller& labels);
std::vector<RankedFunction> rank_functions(const Profile& profile,
                                           const Names& names);
RankedStacks rank_stacks(const Profile& profile, const Names& names,
                         const Labeller& labels);

// The same without telling lines apart: of stacks that differ by nothing else,
// the heaviest stands for all.
RankedStacks merge_lines(RankedStacks ranked, const Names& names);

}  // namespace sightline::stack
