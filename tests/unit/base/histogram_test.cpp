// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace sightline {
namespace {

TEST(Histogram, OfNothingIsZero) {
  EXPECT_EQ(Histogram().percentile(50), 0U);
  EXPECT_EQ(Histogram().count(), 0U);
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
