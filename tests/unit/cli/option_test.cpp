// SPDX-License-Identifier: Apache-2.0
// The table itself, and what the common options make of their values.
#include "cli/option.h"

#include <gtest/gtest.h>

#include "cli/exit_status.h"
#include "full_table.h"

namespace sightline::cli {
namespace {

using Ids = std::vector<int>;
using Names = std::vector<std::string>;

TEST(OptionTable, GroupsKeepTheirOrderWithGeneralLast) {
  OptionTable table({.name = "x"});
  table.add({.name = "help", .group = "General"});
  table.add({.name = "pid", .group = "Filtering"});
  table.add({.name = "secret", .group = "Secrets", .hidden = true});
  table.add({.name = "rows", .group = "Output"});
  table.add({.name = "uid", .group = "Filtering"});
  EXPECT_EQ(table.groups(), (Names{"Filtering", "Output", "General"}));
  ASSERT_EQ(table.in_group("Filtering").size(), 2U);
  EXPECT_EQ(table.in_group("Filtering")[1]->name, "uid");
}

TEST(OptionTable, FindsByWholeNameAndByLetter) {
  FullTool tool;
  ASSERT_NE(tool.table.find("pid"), nullptr);
  EXPECT_EQ(tool.table.find("pid"), tool.table.find('p'));
  EXPECT_EQ(tool.table.find("pi"), nullptr);
  EXPECT_EQ(tool.table.find('\0'), nullptr);
}

TEST(Option, ChoicesAreJoinedAsASentence) {
  EXPECT_EQ(join_choices({}), "");
  EXPECT_EQ(join_choices({"a"}), "a");
  EXPECT_EQ(join_choices({"a", "b", "c"}), "a, b or c");
}

TEST(CommonOptions, IdsAreDecimalAndUnique) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"-p", "3,010", "--pid=3", "-L7"}));
  EXPECT_EQ(tool.common.pids, (Ids{3, 10}));
  EXPECT_EQ(tool.common.tids, (Ids{7}));
  for (const char* bad : {"0", "-1", "0x10", "3,", "4194305", "nan", "3 "}) {
    FullTool other;
    EXPECT_TRUE(
        other.refusal({"-p", bad})
            .starts_with(
                "--pid: expected a whole number from 1 to 4194304, got '"))
        << bad;
  }
}

TEST(CommonOptions, NamePatternIsExtendedAndUnanchored) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"-n", "^(g\\+\\+|cc1.*)$|ython"}));
  ASSERT_TRUE(tool.common.name);
  EXPECT_TRUE(tool.common.name->matches("cc1plus"));
  EXPECT_TRUE(tool.common.name->matches("python3"));
  EXPECT_FALSE(tool.common.name->matches("ag++"));
  auto moved = *std::move(tool.common.name);
  EXPECT_TRUE(moved.matches("g++"));
  EXPECT_EQ(tool.refusal({"-n", "("}),
            "--name: expected a POSIX extended regular expression, got '(': "
            "Unmatched ( or \\(");
}

TEST(CommonOptions, UserIsLookedUp) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"--uid", "alice"}));
  EXPECT_EQ(tool.common.uid, 1234U);
  EXPECT_EQ(tool.common.user, "alice");
  EXPECT_EQ(tool.refusal({"-u", "abc"}),
            "--uid: expected a user name or number, got 'abc'");
}

TEST(CommonOptions, TimesAreNanoseconds) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"-i", "500ms", "2m"}));
  EXPECT_EQ(tool.common.interval_ns, 500'000'000U);
  EXPECT_EQ(tool.common.duration_ns, 120'000'000'000U);
  for (const char* bad : {"nan", "inf", "0", "1e3", "-5", "5 s", ""}) {
    FullTool other;
    EXPECT_FALSE(other.parse({"-d", bad})) << bad;
    EXPECT_FALSE(other.parse({bad})) << bad;
  }
}

TEST(CommonOptions, DurationIsGivenOnce) {
  EXPECT_EQ(FullTool().refusal({"-d", "3", "4"}),
            "DURATION: the duration is given twice, got '4'");
  EXPECT_EQ(FullTool().refusal({"-d", "3", "-d", "3"}),
            "--duration: given twice");
}

TEST(CommonOptions, WaysThatExcludeEachOther) {
  EXPECT_EQ(FullTool().refusal({"-U", "-K"}),
            "--kernel-stacks-only: cannot be combined with "
            "--user-stacks-only");
  EXPECT_EQ(FullTool().refusal({"-KU"}),
            "--user-stacks-only: cannot be combined with "
            "--kernel-stacks-only");
  EXPECT_EQ(FullTool().refusal({"-F9", "--period", "5"}),
            "--period: cannot be combined with --frequency");
  EXPECT_EQ(FullTool().refusal({"--period=5", "-F9"}),
            "--frequency: cannot be combined with --period");
  EXPECT_EQ(FullTool().refusal({"-fj"}),
            "--json: the format is already folded");
  EXPECT_TRUE(FullTool().parse({"-f", "--format=folded"}));
}

TEST(CommonOptions, FrequencyIsAWholeNumberUnderTheCap) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"-F", "49"}));
  EXPECT_EQ(tool.common.frequency_hz, 49U);
  EXPECT_TRUE(FullTool()
                  .refusal({"-F", "1000000"})
                  .starts_with("--frequency: expected at most "));
  EXPECT_EQ(FullTool().refusal({"-F", "9.5"}),
            "--frequency: expected a whole number from 1 to 1000000, got "
            "'9.5'");
}

TEST(CommonOptions, EventsAndKeysComeFromTheirLists) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"-e", "cycles,cpu-clock", "--by", "pid,cpu,pid"}));
  EXPECT_EQ(tool.common.events, (Names{"cycles", "cpu-clock"}));
  EXPECT_EQ(tool.common.by, (Names{"pid", "cpu"}));
  EXPECT_EQ(FullTool().refusal({"-e", "cycle"}),
            "--event: expected cpu-clock or cycles, got 'cycle'");
  EXPECT_EQ(FullTool().refusal({"--by", "pid,"}),
            "--by: expected comm, pid, cpu or cgroup, got ''");
  EXPECT_EQ(FullTool().refusal({"-s", "name"}),
            "--sort: expected self or total, got 'name'");
}

TEST(CommonOptions, SysfsEventsKeepTheirCommas) {
  CommonOptions common;
  OptionTable table({.name = "x"});
  add_sampling_options(table, common, {},
                       [](std::string_view) -> Status { return {}; });
  ASSERT_TRUE(table.find('e')->set("cpu/event=0x3c,umask=1/u,r1a8"));
  EXPECT_EQ(common.events, (Names{"cpu/event=0x3c,umask=1/u", "r1a8"}));
}

TEST(CommonOptions, OutputEndingsNameTheFormat) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"-o", "a.txt", "-o", "b.folded", "-oc.json", "-o",
                          "-", "--output=d.log", "--json"}));
  auto targets = output_targets(tool.common);
  ASSERT_EQ(targets.size(), 5U);
  using output::Format;
  EXPECT_EQ(targets[0].format, Format::table);
  EXPECT_EQ(targets[1].format, Format::folded);
  EXPECT_EQ(targets[2].format, Format::json);
  EXPECT_EQ(targets[2].path, "c.json");
  EXPECT_EQ(targets[3].format, Format::json);
  EXPECT_EQ(targets[4].format, Format::json);
  EXPECT_EQ(FullTool().refusal({"-o", "a", "-o", "a"}),
            "--output: 'a' is given twice");
}

TEST(CommonOptions, WithoutFilesTheTableGoesToStdout) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({}));
  auto targets = output_targets(tool.common);
  ASSERT_EQ(targets.size(), 1U);
  EXPECT_EQ(targets[0].path, "-");
  EXPECT_EQ(targets[0].format, output::Format::table);
}

TEST(CommonOptions, MaxLossIsAPercentageWithDecimals) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"--max-loss", "0.25"}));
  EXPECT_DOUBLE_EQ(*tool.common.max_loss_percent, 0.25);
  EXPECT_TRUE(FullTool().parse({"--max-loss=0"}));
  EXPECT_TRUE(FullTool().parse({"--max-loss=100"}));
  for (const char* bad :
       {"nan", "inf", "100.1", "-1", "1e1", ".", "5%", "1.2.3"}) {
    EXPECT_EQ(FullTool().refusal({"--max-loss", bad}),
              std::string("--max-loss: expected a percentage from 0 to 100, "
                          "got '") +
                  bad + "'");
  }
}

TEST(CommonOptions, ReadyDescriptorMustBeOpen) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"--ready-fd", "2"}));
  EXPECT_EQ(tool.common.ready_fd, 2);
  EXPECT_EQ(FullTool().refusal({"--ready-fd", "99999"}),
            "--ready-fd: expected an open descriptor, got '99999'");
}

TEST(CommonOptions, TerminalChoices) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"--color=never", "-w", "--width=132", "-r5"}));
  EXPECT_EQ(tool.common.color, output::ColorMode::never);
  EXPECT_TRUE(tool.common.wide);
  EXPECT_EQ(tool.common.width, 132U);
  EXPECT_EQ(tool.common.rows, 5U);
  EXPECT_EQ(FullTool().refusal({"--color", "red"}),
            "--color: expected auto, always or never, got 'red'");
}

TEST(ExitStatus, EachKindHasItsOwn) {
  auto status = [](ErrorKind kind) {
    return exit_status(Error{kind, 0, {}, {}});
  };
  EXPECT_EQ(status(ErrorKind::runtime), 1);
  EXPECT_EQ(status(ErrorKind::usage), 2);
  EXPECT_EQ(status(ErrorKind::permission), 3);
  EXPECT_EQ(status(ErrorKind::unsupported), 4);
  EXPECT_EQ(exit_meanings(false).size(), 6U);
  EXPECT_EQ(exit_meanings(true).back().status, 127);
}

}  // namespace
}  // namespace sightline::cli
