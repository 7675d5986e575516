// SPDX-License-Identifier: Apache-2.0
#include "output/bars.h"

#include <gtest/gtest.h>

namespace sightline::output {
namespace {

TEST(DurationBars, OfNothingAreNone) {
  EXPECT_EQ(duration_bars(Histogram(), 80), "");
}

TEST(DurationBars, TheLargestFillsTheLineAndWhatIsThereHasAStar) {
  Histogram values;
  for (int i = 0; i < 1000; ++i) values.add(1030);
  values.add(4100);
  std::string stars(40, '*');
  EXPECT_EQ(duration_bars(values, 0),
            "   1.02us - 2.05us        1,000 |" + stars + "|\n" +
                "   2.05us - 4.10us            0 |" + std::string(40, ' ') +
                "|\n" + "   4.10us - 8.19us            1 |*" +
                std::string(39, ' ') + "|\n");
}

TEST(DurationBars, FitTheWidth) {
  Histogram values;
  values.add(5);
  EXPECT_EQ(duration_bars(values, 10), "      4ns…\n");
}

}  // namespace
}  // namespace sightline::output
