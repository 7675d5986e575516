// SPDX-License-Identifier: Apache-2.0
#include "output/table.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace sightline::output {
namespace {

Table processes() {
  Table table({{"PID", Align::right},
               {"COMMAND", Align::left, true},
               {"CPU%", Align::right}});
  table.add_row({"1", "systemd", "0.1"});
  table.add_row({"31337", "a-rather-long-command", "99.9"});
  return table;
}

TEST(Table, AlignsColumns) {
  EXPECT_EQ(processes().render(0),
            "  PID  COMMAND                CPU%\n"
            "    1  systemd                 0.1\n"
            "31337  a-rather-long-command  99.9\n");
}

TEST(Table, CutsTheFlexibleColumnWhenTheWidthIsKnown) {
  EXPECT_EQ(processes().render(24),
            "  PID  COMMAND      CPU%\n"
            "    1  systemd       0.1\n"
            "31337  a-rather-l…  99.9\n");
}

TEST(Table, DoesNotStretchWhatFits) {
  EXPECT_EQ(processes().render(34), processes().render(0));
  EXPECT_EQ(processes().render(200), processes().render(0));
}

TEST(Table, CutsTheLineWhenNothingElseHelps) {
  for (std::size_t width = 1; width < 40; ++width) {
    auto text = processes().render(width);
    for (auto line : split(text, '\n')) {
      EXPECT_LE(display_width(line), width) << line;
    }
  }
  EXPECT_EQ(processes().render(10), "  PID  CO…\n    1  sy…\n31337  a-…\n");
}

TEST(Table, LeavesNoBlanksAtTheEndOfALine) {
  Table table({{"NAME"}, {"NOTE"}});
  table.add_row({"a", ""});
  table.add_row({"long", "x"});
  EXPECT_EQ(table.render(0), "NAME  NOTE\na\nlong  x\n");
}

TEST(Table, ShowsOnlyTitlesWithoutRows) {
  EXPECT_EQ(Table({{"PID"}, {"COMMAND"}}).render(80), "PID  COMMAND\n");
}

TEST(Table, TakesRowsOfAnyLength) {
  Table table({{"A"}, {"B"}});
  table.add_row({"1"});
  table.add_row({"1", "2", "3"});
  EXPECT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.render(0), "A  B\n1\n1  2\n");
}

TEST(Table, EscapesHostileCellsBeforeMeasuringThem) {
  Table table({{"NAME"}, {"N", Align::right}});
  table.add_row({"\x1b[31m\n", "1"});
  table.add_row({"\xff;\u202e", "22"});
  EXPECT_EQ(table.render(0),
            "NAME                N\n"
            "\\x1b[31m\\x0a        1\n"
            "\\xff;\\xe2\\x80\\xae  22\n");
}

TEST(Table, AlignsWhatIsNotAscii) {
  Table table({{"NAME"}, {"N", Align::right}});
  table.add_row({"é€", "1"});
  table.add_row({"ab", "1"});
  EXPECT_EQ(table.render(0), "NAME  N\né€    1\nab    1\n");
}

TEST(Table, EmphasizesOnlyTitlesAndOnlyInColour) {
  Table table({{"A"}});
  table.add_row({"1"});
  EXPECT_EQ(table.render(0, Style(true)), "\x1b[1mA\x1b[0m\n1\n");
  EXPECT_EQ(table.render(0, Style(false)), "A\n1\n");
}

}  // namespace
}  // namespace sightline::output
