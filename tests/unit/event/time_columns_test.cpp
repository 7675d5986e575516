// SPDX-License-Identifier: Apache-2.0
#include "event/time_columns.h"

#include <gtest/gtest.h>

namespace sightline::event {
namespace {

using Cells = std::vector<std::string>;

Context context_at(std::uint64_t realtime_ns) {
  Context context;
  context.origin.start_realtime_ns = realtime_ns;
  return context;
}

TEST(TimeColumns, NoneUnlessAskedFor) {
  cli::CommonOptions common;
  EXPECT_TRUE(time_columns(common).empty());
  EXPECT_EQ(time_prefix(common, context_at(0), 1), "");
}

TEST(TimeColumns, TimeOfDayThenSecondsSinceTheStart) {
  cli::CommonOptions common;
  common.wall_clock = common.since_start = common.utc = true;
  // 1970-01-01T00:01:00.000 and 1.5 s.
  auto context = context_at(60'000'000'000);
  EXPECT_EQ(time_cells(common, context, 1'500'000'999),
            (Cells{"00:01:01.500", "1.500000"}));
  EXPECT_EQ(time_prefix(common, context, 1'500'000'999),
            "00:01:01.500 1.500000 ");
  ASSERT_EQ(time_columns(common).size(), 2U);
  EXPECT_EQ(time_columns(common)[0].title, "TIME");
}

}  // namespace
}  // namespace sightline::event
