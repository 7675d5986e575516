// SPDX-License-Identifier: Apache-2.0
#include "output/live_table.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace sightline::output {
namespace {

LiveTable table(std::size_t width) {
  return LiveTable({{"PID", 5, Align::right}, {"NAME", 6}, {"ARGS"}}, width);
}

TEST(LiveTable, AlignsWithoutBlanksAtTheEnd) {
  EXPECT_EQ(table(0).title(), "  PID  NAME    ARGS\n");
  EXPECT_EQ(table(0).row({"7", "sh", "sh -c x"}), "    7  sh      sh -c x\n");
  EXPECT_EQ(table(0).row({"7"}), "    7\n");
}

TEST(LiveTable, AWiderCellPushesTheRest) {
  EXPECT_EQ(table(0).row({"1234567", "a-long-name", "x"}),
            "1234567  a-long-name  x\n");
}

TEST(LiveTable, CutsTheLineNotTheCell) {
  auto row = table(20).row({"7", "sh", "0123456789"});
  EXPECT_EQ(display_width(row), 21U) << row;
  EXPECT_TRUE(row.ends_with("…\n"));
}

TEST(LiveTable, NothingRawReachesTheTerminal) {
  EXPECT_EQ(table(0).row({"7", "a\x1b[1m", "x\ny"}),
            "    7  a\\x1b[1m  x\\x0ay\n");
}

}  // namespace
}  // namespace sightline::output
