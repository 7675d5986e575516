// SPDX-License-Identifier: Apache-2.0
#include "stack/difference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <string>

namespace sightline::stack {
namespace {

FoldedProfile profile_of(std::initializer_list<const char*> lines) {
  FoldedProfile profile;
  for (const auto* line : lines) EXPECT_TRUE(profile.add(line)) << line;
  return profile;
}

const FunctionChange& change_of(const Difference& found,
                                std::string_view name) {
  auto at = std::ranges::find(found.functions, name, &FunctionChange::name);
  EXPECT_NE(at, found.functions.end()) << name;
  return *at;
}

TEST(FoldedProfile, TakesWhatFlamegraphTakes) {
  auto profile = profile_of({"p;a;b 3", "p;a;b 4", "p;a name with blanks 2"});
  EXPECT_EQ(profile.total, 9U);
  EXPECT_EQ(profile.stacks.at("p;a;b"), 7U);
  EXPECT_EQ(profile.stacks.at("p;a name with blanks"), 2U);
}

TEST(FoldedProfile, RefusesEverythingElse) {
  FoldedProfile profile;
  for (const auto* line : {"", " ", "a", "a;b", "a;b x", "a;b -1", " 1",
                           "a;b 99999999999999999999999", "a;b 1 2"}) {
    EXPECT_FALSE(profile.add(line)) << line;
  }
  EXPECT_TRUE(profile.add("a 18446744073709551615"));
  EXPECT_FALSE(profile.add("a 1")) << "more than can be counted";
  EXPECT_TRUE(profile.add("a 0"));
}

TEST(Difference, CountsAFunctionOnceAStack) {
  auto found = difference(profile_of({"p;a;b;a 10", "p;b 5"}),
                          profile_of({"p;a 20", "q;c 1"}));
  EXPECT_EQ(found.before, 15U);
  EXPECT_EQ(found.after, 21U);
  EXPECT_EQ(found.functions.size(), 3U) << "p and q are processes";
  const auto& a = change_of(found, "a");
  EXPECT_EQ(a.self_before, 10U);
  EXPECT_EQ(a.total_before, 10U);
  EXPECT_EQ(a.self_after, 20U);
  const auto& b = change_of(found, "b");
  EXPECT_EQ(b.self_before, 5U);
  EXPECT_EQ(b.total_before, 15U);
  EXPECT_EQ(b.total_after, 0U);
}

TEST(Deviations, AreThoseOfTwoShares) {
  // G² of the table, computed elsewhere; a pooled z would be 3.381.
  EXPECT_NEAR(deviations(100, 1000, 150, 1000), 3.3907, 0.001);
  EXPECT_NEAR(deviations(150, 1000, 100, 1000), -3.3907, 0.001);
  EXPECT_EQ(deviations(10, 100, 100, 1000), 0);
  EXPECT_EQ(deviations(0, 0, 1, 1), 0);
  EXPECT_EQ(deviations(5, 5, 7, 7), 0) << "all of both";
}

// One sample where a hundredth of one is expected is nothing strange: of a
// hundred such functions one is hit. A pooled z is 9.9 there.
TEST(Deviations, OfLessThanASampleAreNoNews) {
  EXPECT_LT(deviations(100, 1'000'000, 1, 100), noise_deviations);
  EXPECT_GT(deviations(100, 1'000'000, 3, 100), noise_deviations);
}

// Each of many stacks comes to less than a half of a sample.
TEST(StackChanges, KeepTheirSumWhateverIsRounded) {
  FoldedProfile before;
  FoldedProfile after;
  for (int i = 0; i < 10'000; ++i) {
    auto stack = "p;main;f" + std::to_string(i) + (i % 2 ? ";odd" : ";even");
    ASSERT_TRUE(before.add(stack + " 1"));
    if (i >= 2000) continue;
    ASSERT_TRUE(after.add(stack + " 1"));
  }
  std::uint64_t sum = 0;
  for (const auto& change : stack_changes(before, after)) {
    sum += change.before;
    EXPECT_LE(change.before, 1U);
  }
  EXPECT_EQ(sum, after.total);
}

TEST(Scaled, BringsOneCountToTheOthersLength) {
  EXPECT_EQ(scaled(10, 40, 120), 30U);
  EXPECT_EQ(scaled(1, 3, 1), 0U);
  EXPECT_EQ(scaled(2, 3, 1), 1U);
  EXPECT_EQ(scaled(1, 0, 5), 0U);
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_GT(scaled(most, 1, most), 0U);
}

TEST(DifferenceGraph, HasBothSides) {
  auto graph =
      difference_graph(profile_of({"p;a_[k] 10"}),
                       profile_of({"p;a_[k] 10", "p;[x: stripped] 10"}));
  EXPECT_TRUE(graph.difference);
  ASSERT_EQ(graph.nodes.size(), 4U);
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  for (const auto& node : graph.nodes) {
    before += node.before;
    after += node.self;
    EXPECT_LE(node.parent,
              static_cast<std::uint32_t>(&node - graph.nodes.data()));
  }
  EXPECT_EQ(before, 20U);
  EXPECT_EQ(after, 20U);
  using output::FlameKind;
  for (const auto& frame : graph.frames) {
    auto kind = frame.name == "a"               ? FlameKind::kernel
                : frame.name == "[x: stripped]" ? FlameKind::unnamed
                                                : FlameKind::group;
    EXPECT_EQ(frame.kind, kind) << frame.name;
  }
}

}  // namespace
}  // namespace sightline::stack
