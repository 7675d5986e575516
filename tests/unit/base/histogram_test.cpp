// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace sightline {
namespace {

TEST(Histogram, OfNothingIsZero) {
  EXPECT_EQ(Histogram().percentile(50), 0U);
  EXPECT_EQ(Histogram().count(), 0U);
}

TEST(Histogram, PowersOfTwoWithoutGaps) {
  EXPECT_TRUE(Histogram().by_power().empty());
  Histogram histogram;
  for (std::uint64_t value : {0, 1, 2, 3, 9, 16, 31, 32}) histogram.add(value);
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> expected{
      {0, 2}, {2, 2}, {4, 0}, {8, 1}, {16, 2}, {32, 1}};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> powers;
  for (const auto& power : histogram.by_power()) {
    powers.emplace_back(power.from, power.count);
  }
  EXPECT_EQ(powers, expected);
}

TEST(Histogram, TheLargestValueHasAPower) {
  Histogram histogram;
  histogram.add(~0ULL);
  ASSERT_EQ(histogram.by_power().size(), 1U);
  EXPECT_EQ(histogram.by_power()[0].from, 1ULL << 63);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 0; value < 16; ++value) histogram.add(value);
  EXPECT_EQ(histogram.percentile(50), 7U);
  EXPECT_EQ(histogram.percentile(100), 15U);
  EXPECT_EQ(histogram.percentile(0), 0U);
}

TEST(Histogram, APercentileIsAtMostAnEighthTooHigh) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 100'000; ++value) {
    histogram.add(value * 1000);
  }
  for (double share : {1.0, 10.0, 50.0, 90.0, 99.0}) {
    auto exact = share * 1'000'000;
    auto found = static_cast<double>(histogram.percentile(share));
    EXPECT_GE(found, exact) << share;
    EXPECT_LE(found, exact * 1.125) << share;
  }
  EXPECT_EQ(histogram.percentile(100), 100'000'000U);
}

TEST(Histogram, TakesTheLargestValuesThereAre) {
  Histogram histogram;
  histogram.add(UINT64_MAX);
  histogram.add(UINT64_MAX - 1);
  EXPECT_EQ(histogram.percentile(99), UINT64_MAX);
}

}  // namespace
}  // namespace sightline
