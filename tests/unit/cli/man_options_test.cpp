// SPDX-License-Identifier: Apache-2.0
#include "cli/man_options.h"

#include <gtest/gtest.h>

#include "full_table.h"

namespace sightline::cli {
namespace {

TEST(ManOptions, EscapesWhatRoffWouldInterpret) {
  EXPECT_EQ(roff_escape(".TH and 'so a\\b --x"),
            "\\&.TH and 'so a\\eb \\-\\-x");
  EXPECT_EQ(roff_escape("'so"), "\\&'so");
}

TEST(ManOptions, OneEntryInFull) {
  OptionTable table({.name = "x"});
  table.add(Positional{.name = "DURATION", .help = "How long."});
  table.add({.name = "max-loss",
             .letter = 'm',
             .value = "PCT",
             .help = "Some loss.",
             .group = "Output"});
  EXPECT_EQ(render_man_options(table),
            ".SS Arguments\n.TP\n\\fIDURATION\\fR\nHow long.\n"
            ".SS Output\n.TP\n\\fB\\-m\\fR, \\fB\\-\\-max\\-loss\\fR "
            "\\fIPCT\\fR\nSome loss.\n");
}

TEST(ManOptions, ShowsEveryOption) {
  FullTool tool;
  auto page = render_man_options(tool.table);
  for (const auto& option : tool.table.options()) {
    auto tag = "\\fB" + roff_escape("--" + option.name) + "\\fR";
    EXPECT_EQ(page.find(tag) != page.npos, !option.hidden) << option.name;
    if (option.hidden) continue;
    EXPECT_NE(page.find("\n" + roff_escape(description(option)) + "\n"),
              page.npos)
        << option.name;
  }
}

TEST(ManOptions, ExitStatusHasTheCommandsOnlyWhereOneRuns) {
  EXPECT_NE(render_man_exit_status(FullTool().table).find("\\fB127\\fR"),
            std::string::npos);
  auto page = render_man_exit_status(OptionTable({.name = "x"}));
  EXPECT_EQ(page.find("127"), page.npos);
  EXPECT_NE(page.find(".TP\n\\fB5\\fR\nmore lost than \\-\\-max\\-loss"),
            page.npos);
}

}  // namespace
}  // namespace sightline::cli
