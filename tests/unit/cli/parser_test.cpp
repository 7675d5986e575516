// SPDX-License-Identifier: Apache-2.0
// How a command line is taken apart, and how it is refused.
#include <gtest/gtest.h>

#include "full_table.h"

namespace sightline::cli {
namespace {

using Ids = std::vector<int>;
using Names = std::vector<std::string>;

TEST(Parser, AllSpellingsOfAValue) {
  for (auto arguments : {Names{"-p3"}, Names{"-p", "3"}, Names{"--pid=3"},
                         Names{"--pid", "3"}, Names{"-vp3"}}) {
    FullTool tool;
    arguments.insert(arguments.begin(), "sampler");
    std::vector<char*> argv;
    for (auto& word : arguments) argv.push_back(word.data());
    ASSERT_TRUE(tool.table.parse(argv)) << arguments[1];
    EXPECT_EQ(tool.common.pids, Ids{3}) << arguments[1];
  }
}

TEST(Parser, EqualsBehindALetterIsExplained) {
  EXPECT_EQ(FullTool().refusal({"-p=3"}),
            "--pid: expected PID[,...], got '=3' | write -p 3 or --pid=3");
  EXPECT_EQ(FullTool().refusal({"-p="}), "--pid: expected PID[,...], got '='");
  EXPECT_EQ(FullTool().refusal({"-vo=x.txt"}),
            "--output: expected FILE, got '=x.txt' | write -o x.txt or "
            "--output=x.txt");
}

TEST(Parser, AValueMayStartWithEquals) {
  FullTool tool;
  ASSERT_TRUE(tool.parse({"-n", "=x"}));
  EXPECT_EQ(tool.common.name->text(), "=x");
}

TEST(Parser, MissingAndEmptyValues) {
  EXPECT_EQ(FullTool().refusal({"-p"}),
            "--pid: expected PID[,...], got nothing");
  EXPECT_EQ(FullTool().refusal({"-vvo"}),
            "--output: expected FILE, got nothing");
  EXPECT_EQ(FullTool().refusal({"--pid=", "3"}),
            "--pid: expected PID[,...], got nothing");
  EXPECT_EQ(FullTool().refusal({"--btf", ""}),
            "--btf: expected FILE, got nothing");
  EXPECT_EQ(FullTool().refusal({"-d", "--", "ls"}),
            "--duration: expected TIME, got nothing");
}

TEST(Parser, SwitchesTakeNoValueAndMayBeRepeated) {
  EXPECT_EQ(FullTool().refusal({"--verbose=3"}),
            "--verbose: takes no value, got '3'");
  FullTool tool;
  ASSERT_TRUE(tool.parse({"-vv", "--verbose", "-qq"}));
  EXPECT_EQ(tool.common.verbosity, 3);
  EXPECT_TRUE(tool.common.quiet);
}

TEST(Parser, UnknownOptionsGetTheNearestName) {
  EXPECT_EQ(FullTool().refusal({"--durtion=3"}),
            "unknown option '--durtion' | did you mean --duration?");
  EXPECT_EQ(FullTool().refusal({"--ouptut", "x"}),
            "unknown option '--ouptut' | did you mean --output?");
  EXPECT_EQ(FullTool().refusal({"--zebra"}), "unknown option '--zebra'");
  EXPECT_EQ(FullTool().refusal({"-vZ3"}), "unknown option '-Z'");
  // Not even the hidden one is suggested.
  EXPECT_EQ(FullTool().refusal({"--generat"}), "unknown option '--generat'");
}

TEST(Parser, NamesAreNotAbbreviated) {
  EXPECT_EQ(FullTool().refusal({"--dura", "5"}), "unknown option '--dura'");
}

TEST(Parser, HabitsFromOtherToolsGetTheirHint) {
  EXPECT_EQ(FullTool().refusal({"--stack-storage-size", "100"}),
            "unknown option '--stack-storage-size' | stacks need no such size "
            "here");
  EXPECT_EQ(FullTool().refusal({"-a"}),
            "unknown option '-a' | did you mean --format folded?");
}

TEST(Parser, StrangeBytesAreShownEscaped) {
  EXPECT_EQ(FullTool().refusal({"--\x1b[31m"}), "unknown option '--\\x1b[31m'");
  EXPECT_EQ(FullTool().refusal({"-\xff"}), "unknown option '-\\xff'");
  EXPECT_EQ(FullTool().refusal({"-\xc3\xa4"}), "unknown option '-\xc3\xa4'");
  EXPECT_EQ(FullTool().refusal({"--color", "a\nb"}),
            "--color: expected auto, always or never, got 'a\\x0ab'");
}

TEST(Parser, Positionals) {
  EXPECT_EQ(FullTool().refusal({"5", "7"}), "unexpected argument '7'");
  EXPECT_EQ(FullTool().refusal({"-5"}),
            "DURATION: expected a time such as 5, 500ms or 2m, got '-5'");
  EXPECT_EQ(FullTool().refusal({"ls"}),
            "DURATION: expected a time such as 5, 500ms or 2m, got 'ls' | to "
            "run a command, write: sampler -- ls");
}

TEST(Parser, TheCommandKeepsItsOwnOptions) {
  FullTool tool;
  auto parsed = tool.parse({"-v", "3", "--", "ls", "-p", "--help", "--"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->action, Action::run);
  EXPECT_EQ(parsed->command, (Names{"ls", "-p", "--help", "--"}));
  EXPECT_TRUE(tool.common.pids.empty());
  EXPECT_EQ(FullTool().refusal({"--"}), "expected a command after '--'");
}

TEST(Parser, AToolWithoutCommandSaysSo) {
  OptionTable table({.name = "x"});
  std::string name = "x", mark = "--", word = "ls";
  std::vector<char*> argv{name.data(), mark.data(), word.data()};
  auto parsed = table.parse(argv);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().what, "unknown option '--'");
  EXPECT_EQ(parsed.error().hint, "x runs no command");
}

TEST(Parser, HelpWinsOverMistakesBesideIt) {
  for (auto* spelling : {"-h", "--help"}) {
    FullTool tool;
    auto parsed = tool.parse({"--bogus", "-d", "nan", spelling, "-p"});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->action, Action::help);
  }
  EXPECT_EQ(FullTool().parse({"--man"})->action, Action::man);
}

TEST(Parser, VersionKeepsVerbose) {
  FullTool tool;
  auto parsed = tool.parse({"-V", "-v", "-p", "x"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->action, Action::version);
  EXPECT_EQ(tool.common.verbosity, 1);
  EXPECT_TRUE(tool.common.pids.empty());
}

TEST(Parser, GenerateCarriesItsValue) {
  auto parsed = FullTool().parse({"--generate", "complete-zsh"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->action, Action::generate);
  EXPECT_EQ(parsed->generate, "complete-zsh");
}

TEST(Parser, AnEmptyArgumentVectorIsARun) {
  FullTool tool;
  auto parsed = tool.table.parse({});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->action, Action::run);
}

}  // namespace
}  // namespace sightline::cli
