// SPDX-License-Identifier: Apache-2.0
#include "stack/rank.h"

#include <gtest/gtest.h>

#include <map>

#include "stack/fake_profile.h"

namespace sightline::stack {
namespace {

class Rank : public testing::Test {
 protected:
  struct Weights {
    std::uint64_t self;
    std::uint64_t total;
    bool operator==(const Weights&) const = default;
  };
  std::map<std::string, Weights> functions() const {
    std::map<std::string, Weights> weights;
    for (const auto& entry : rank_functions(fake_.profile, fake_.names)) {
      const auto& name = fake_.names.function(entry.function).name;
      EXPECT_FALSE(weights.contains(name)) << name;
      weights[name] = {entry.self.sum, entry.total.sum};
    }
    return weights;
  }
  std::vector<std::string> order() const {
    std::vector<std::string> names;
    for (const auto& entry : rank_functions(fake_.profile, fake_.names)) {
      names.push_back(fake_.names.function(entry.function).name.substr(1, 1));
    }
    return names;
  }

  FakeProfile fake_;
  FrameId a_ = fake_.function("a");
  FrameId b_ = fake_.function("b");
  FrameId c_ = fake_.function("c");
};

TEST_F(Rank, SelfIsTheLeafTotalIsTheWholeStack) {
  fake_.add("x", {a_, b_, c_}, {1, 60});
  fake_.add("x", {a_, b_}, {1, 30});
  fake_.add("x", {a_}, {1, 10});
  EXPECT_EQ(functions(),
            (std::map<std::string, Weights>{{"[a: stripped]", {10, 100}},
                                            {"[b: stripped]", {30, 90}},
                                            {"[c: stripped]", {60, 60}}}));
  EXPECT_EQ(order(), (std::vector<std::string>{"c", "b", "a"}));
}

TEST_F(Rank, RecursionCountsOnce) {
  auto a_elsewhere = fake_.function("a", 0x100);
  fake_.add("x", {a_, b_, a_elsewhere, b_, a_}, {1, 7});
  EXPECT_EQ(functions(),
            (std::map<std::string, Weights>{{"[a: stripped]", {7, 7}},
                                            {"[b: stripped]", {0, 7}}}));
}

TEST_F(Rank, TiesAreBrokenByTotalThenByName) {
  fake_.add("x", {c_, b_}, {1, 5});
  fake_.add("x", {a_}, {1, 5});
  fake_.add("x", {c_}, {1, 5});
  EXPECT_EQ(order(), (std::vector<std::string>{"c", "a", "b"}));
}

TEST_F(Rank, TheWeightIsTheSumNotTheCount) {
  fake_.add("many", {a_}, {100, 1});
  fake_.add("heavy", {b_}, {1, 100});
  EXPECT_EQ(order().front(), "b");
  EXPECT_EQ(rank_groups(fake_.profile, fake_.by_comm()).front().labels,
            Labels{"heavy"});
}

TEST_F(Rank, AnEmptyStackHasNoFunctionButIsInItsGroup) {
  fake_.add("x", {}, {3, 30});
  EXPECT_TRUE(functions().empty());
  auto groups = rank_groups(fake_.profile, fake_.by_comm());
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].counts.count, 3U);
  EXPECT_EQ(groups[0].counts.sum, 30U);
}

TEST_F(Rank, GroupsMergeAllTheirRows) {
  fake_.add("x", {a_}, {1, 10});
  fake_.add("x", {b_}, {2, 20});
  fake_.add("y", {a_}, {1, 30});
  fake_.add("z", {a_}, {1, 31});
  auto groups = rank_groups(fake_.profile, fake_.by_comm());
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].labels, Labels{"z"});
  EXPECT_EQ(groups[1].labels, Labels{"x"}) << "a tie goes by name";
  EXPECT_EQ(groups[1].counts.sum, 30U);
  EXPECT_EQ(groups[1].counts.count, 3U);
  EXPECT_EQ(groups[2].labels, Labels{"y"});
}

TEST_F(Rank, StacksAreMergedByFunctionWithinTheirLabels) {
  auto b_elsewhere = fake_.function("b", 0x100);
  fake_.add("x", {a_, b_}, {1, 10});
  fake_.add("x", {a_, b_elsewhere}, {2, 20});
  fake_.add("y", {a_, b_}, {1, 25});
  auto stacks = rank_stacks(fake_.profile, fake_.names, fake_.by_comm());
  ASSERT_EQ(stacks.entries.size(), 2U);
  EXPECT_EQ(stacks.labels[stacks.entries[0].labels], Labels{"x"});
  EXPECT_EQ(stacks.entries[0].counts.sum, 30U);
  EXPECT_EQ(stacks.entries[0].counts.count, 3U);
  EXPECT_EQ(stacks.functions(stacks.entries[0]),
            (std::vector<FunctionId>{fake_.names.function_of(a_),
                                     fake_.names.function_of(b_)}));
  EXPECT_EQ(stacks.labels[stacks.entries[1].labels], Labels{"y"});
}

TEST_F(Rank, NothingMeasuredIsNothingRanked) {
  EXPECT_TRUE(rank_groups(fake_.profile, fake_.by_comm()).empty());
  EXPECT_TRUE(rank_functions(fake_.profile, fake_.names).empty());
  EXPECT_TRUE(
      rank_stacks(fake_.profile, fake_.names, fake_.by_comm()).entries.empty());
}

}  // namespace
}  // namespace sightline::stack
