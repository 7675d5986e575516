// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "full_table.h"

namespace sightline::cli {
namespace {

TEST(Help, FitsEightyColumns) {
  auto help = render_help(FullTool().table);
  bool wrapped = false;
  for (auto line : split(help, '\n')) {
    EXPECT_LE(display_width(line), 80U) << line;
    wrapped = wrapped || display_width(line) > 70;
    EXPECT_FALSE(line.ends_with(' ')) << '[' << line << ']';
  }
  EXPECT_TRUE(wrapped) << "lines are filled";
}

TEST(Help, ShowsEveryOptionWithItsWords) {
  FullTool tool;
  auto help = render_help(tool.table);
  for (const auto& option : tool.table.options()) {
    auto label = option.letter == 0 ? "      --" + option.name
                                    : std::string("  -") + option.letter +
                                          ", --" + option.name;
    if (!option.value.empty()) label += " " + option.value;
    bool found = help.find("\n" + label + " ") != help.npos;
    EXPECT_EQ(found, !option.hidden) << label;
  }
}

TEST(Help, PartsComeInTheirOrder) {
  auto help = render_help(FullTool().table);
  std::size_t before = 0;
  for (const char* part :
       {"Shows with", "Usage: sampler [OPTION]... [DURATION]\n       sampler",
        "\nArguments:\n", "\nFiltering:\n", "\nTiming:\n", "\nSampling:\n",
        "\nStacks:\n", "\nOutput:\n", "\nGeneral:\n", "--help", "--version",
        "\nExamples:\n  sudo sampler 5\n      Five seconds.\n",
        "\nExit status: 0 done, 1 failed", "127 command not found.\n",
        "See sampler(8)"}) {
    auto at = help.find(part);
    ASSERT_NE(at, help.npos) << part;
    EXPECT_GT(at + 1, before) << part;
    before = at;
  }
}

TEST(Help, LongLabelsStandAlone) {
  OptionTable table({.name = "x"});
  table.add({.name = "short", .help = "One.", .group = "G"});
  table.add({.name = "a-name-of-quite-some-length",
             .value = "VALUE",
             .help = "Two.",
             .group = "G"});
  auto help = render_help(table);
  EXPECT_NE(help.find("G:\n      --short  One.\n"
                      "      --a-name-of-quite-some-length VALUE\n"
                      "               Two.\n"),
            help.npos)
      << help;
}

TEST(Help, NamesTheChoices) {
  OptionTable table({.name = "x"});
  table.add({.name = "color",
             .value = "WHEN",
             .help = "Colour.",
             .group = "G",
             .choices = {"always", "never"}});
  EXPECT_NE(render_help(table).find("Colour. One of always, never."),
            std::string::npos);
}

TEST(Description, SaysWhetherTheChoicesAreAll) {
  Option option{.value = "NAME", .help = "What.", .choices = {"a", "b"}};
  EXPECT_EQ(description(option), "What. One of a, b.");
  option.value = "NAME[,...]";
  EXPECT_EQ(description(option), "What. Any of a, b.");
  option.open_ended = true;
  EXPECT_EQ(description(option), "What. Such as a, b.");
}

}  // namespace
}  // namespace sightline::cli
