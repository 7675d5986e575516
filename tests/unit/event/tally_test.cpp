// SPDX-License-Identifier: Apache-2.0
#include "event/tally.h"

#include <gtest/gtest.h>

namespace sightline::event {
namespace {

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

TEST(Tally, KeysBeyondTheLimitAreCountedTogether) {
  Tally tally(2);
  for (const auto* key : {"a", "b", "c", "d", "a"}) ++tally.at(key).count;
  EXPECT_EQ(tally.at("a").count, 2U);
  EXPECT_EQ(tally.at(Tally::others).count, 2U);
}

}  // namespace
}  // namespace sightline::event
