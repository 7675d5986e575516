// SPDX-License-Identifier: Apache-2.0
#include "stack/call_tree.h"

#include <gtest/gtest.h>

#include <vector>

namespace sightline::stack {
namespace {

using Values = std::vector<std::uint64_t>;

TEST(CallTree, GivesBackWhatWasAdded) {
  CallTree tree;
  auto node = tree.add(Values{1, 2, 3});
  EXPECT_EQ(tree.path(node), (Values{1, 2, 3}));
  EXPECT_EQ(tree.path(CallTree::root), Values{});
}

TEST(CallTree, SharesBeginnings) {
  CallTree tree;
  auto first = tree.add(Values{1, 2, 3});
  auto second = tree.add(Values{1, 2, 4});
  EXPECT_NE(first, second);
  EXPECT_EQ(tree.parent(first), tree.parent(second));
  EXPECT_EQ(tree.size(), 5U) << "root, 1, 2, 3, 4";
  EXPECT_EQ(tree.add(Values{1, 2, 3}), first);
}

TEST(CallTree, ZeroAndRecursionAreOrdinaryValues) {
  CallTree tree;
  auto node = tree.add(Values{0, 0, 0});
  EXPECT_EQ(tree.path(node), (Values{0, 0, 0}));
}

TEST(CallTree, SurvivesGrowth) {
  CallTree tree;
  constexpr std::uint64_t prime = 50'021;
  std::vector<CallTree::Node> leaves;
  for (std::uint64_t i = 0; i < prime; ++i) {
    leaves.push_back(tree.add(Values{i % 7, i % 101, i}));
  }
  for (std::uint64_t i = 0; i < prime; ++i) {
    ASSERT_EQ(tree.path(leaves[i]), (Values{i % 7, i % 101, i}));
  }
}

}  // namespace
}  // namespace sightline::stack
