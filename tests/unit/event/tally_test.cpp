// SPDX-License-Identifier: Apache-2.0
#include "event/tally.h"

#include <gtest/gtest.h>

#include <numeric>

namespace sightline::event {
namespace {

std::uint64_t sum_of(const Tally<>& tally) {
  auto ranked = tally.ranked();
  return std::accumulate(
      ranked.begin(), ranked.end(), std::uint64_t{0},
      [](auto sum, const auto& entry) { return sum + entry.second->count; });
}

TEST(Tally, RanksByCountThenName) {
  Tally tally;
  for (const auto* key : {"b", "c", "a", "c"}) ++tally.at(key).count;
  auto ranked = tally.ranked();
  ASSERT_EQ(ranked.size(), 3U);
  EXPECT_EQ(ranked[0].first, "c");
  EXPECT_EQ(ranked[1].first, "a");
  EXPECT_EQ(ranked[2].first, "b");
  tally.clear();
  EXPECT_TRUE(tally.ranked().empty());
}

TEST(Tally, TheSmallestKeysMakeRoom) {
  Tally<> tally(4);
  for (const auto* key : {"a", "b", "a", "c", "d", "c", "d"}) {
    ++tally.at(key).count;
  }
  tally.at("b").durations_ns.add(5);
  ++tally.at("e").count;
  auto& others_total = tally.at(others);
  EXPECT_EQ(others_total.count, 1U) << "b";
  EXPECT_EQ(others_total.durations_ns.count(), 1U);
  EXPECT_EQ(tally.at("a").count, 2U);
  EXPECT_EQ(&tally.at_known("b"), &tally.at_known(others));
  EXPECT_EQ(tally.at_known("a").count, 2U);
}

TEST(Tally, WhatComesLateAndOftenIsNamedAndNothingIsLost) {
  Tally<> tally(64);
  for (int i = 0; i < 997; ++i) ++tally.at(std::to_string(i)).count;
  for (int i = 0; i < 101; ++i) {
    ++tally.at("late").count;
    ++tally.at("x" + std::to_string(i)).count;
  }
  EXPECT_GE(tally.at("late").count, 90U) << "but for what came at first";
  EXPECT_EQ(sum_of(tally), 997U + 2 * 101);
  EXPECT_LE(tally.ranked().size(), 65U);
}

}  // namespace
}  // namespace sightline::event
