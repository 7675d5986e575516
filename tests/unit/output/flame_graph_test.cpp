// SPDX-License-Identifier: Apache-2.0
// What tests/cli/svg.bats cannot see from the file: layouts, limits, failures.
#include "output/flame_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "base/text.h"
#include "output/flame_colors.h"
#include "output/flame_layout.h"
#include "output/flame_text.h"
#include "output/numbered.h"
#include "output/xml.h"

namespace sightline::output {
namespace {

constexpr auto largest = std::numeric_limits<std::uint64_t>::max();

class Made {
 public:
  FlameGraph graph{.frames = {{.name = "all"}}, .nodes = {{}}};

  std::uint32_t add(std::uint32_t parent, std::string name, std::uint64_t self,
                    std::uint64_t before = 0) {
    graph.frames.push_back({.name = std::move(name)});
    graph.nodes.push_back({parent,
                           static_cast<std::uint32_t>(graph.frames.size() - 1),
                           self, before});
    return static_cast<std::uint32_t>(graph.nodes.size() - 1);
  }
  [[nodiscard]] std::string name(const FlameBox& box) const {
    return graph.frames[graph.nodes[box.node].frame].name;
  }
};

TEST(FlameLayout, ChildrenLieByNameWithinTheirParent) {
  Made made;
  auto b = made.add(0, "b", 20);
  made.add(0, "a", 30);
  made.add(b, "c", 50);
  auto layout = lay_out(FlameTree(made.graph, false), 1000, 1);
  ASSERT_EQ(layout.row_count(), 3U);
  const auto row = layout.row(1);
  ASSERT_EQ(row.size(), 2U);
  EXPECT_EQ(made.name(row[0]), "a");
  EXPECT_DOUBLE_EQ(row[0].width, 300);
  EXPECT_EQ(made.name(row[1]), "b");
  EXPECT_DOUBLE_EQ(row[1].x, 300);
  EXPECT_DOUBLE_EQ(row[1].width, 700);
  EXPECT_EQ(row[1].weight.total, 70U);
  ASSERT_EQ(layout.row(2).size(), 1U);
  EXPECT_DOUBLE_EQ(layout.row(2)[0].x, 300);
  EXPECT_EQ(layout.hidden, 0U);
}

TEST(FlameLayout, NarrowSiblingsAreOneBox) {
  Made made;
  auto wide = made.add(0, "a", 900);
  for (int i = 0; i < 4; ++i) made.add(0, "n" + std::to_string(i), 25);
  made.add(wide, "z", 1);
  auto layout = lay_out(FlameTree(made.graph, false), 10, 0.5);
  const auto row = layout.row(1);
  ASSERT_EQ(row.size(), 2U);
  EXPECT_EQ(row[1].merged, 4U);
  EXPECT_EQ(row[1].weight.total, 100U);
  EXPECT_NEAR(row[1].x + row[1].width, 10, 0.01);
  // The one below `a` is too narrow even for that.
  EXPECT_EQ(layout.row_count(), 2U);
  EXPECT_EQ(layout.hidden, 101U);
}

TEST(FlameLayout, SumsBeyondTheLargestNumberAreDrawnToScale) {
  Made made;
  made.add(0, "a", largest);
  made.add(0, "b", largest);
  auto layout = lay_out(FlameTree(made.graph, false), 1000, 1);
  EXPECT_EQ(layout.boxes[0].weight.total, largest);
  EXPECT_NEAR(layout.boxes[1].width, 500, 1e-6);
  EXPECT_LE(layout.boxes[2].x + layout.boxes[2].width, 1000);
}

TEST(FlameLayout, ADifferenceCanBeAsWideAsItWasBefore) {
  Made made;
  made.add(0, "gone", 0, 30);
  made.add(0, "new", 10, 0);
  made.add(0, "same", 10, 10);
  auto after = lay_out(FlameTree(made.graph, false), 400, 1);
  EXPECT_EQ(after.row(1).size(), 2U);
  auto before = lay_out(FlameTree(made.graph, true), 400, 1);
  ASSERT_EQ(before.row(1).size(), 2U);
  EXPECT_EQ(made.name(before.row(1)[0]), "gone");
  EXPECT_DOUBLE_EQ(before.row(1)[0].width, 300);
}

TEST(FlameGraph, FailsAsItsReaderDoes) {
  Made made;
  made.add(0, "a", 1);
  int calls = 0;
  auto status = write_flame_graph(made.graph, {.title = "t"}, {},
                                  [&](std::string_view) -> Status {
                                    ++calls;
                                    return fail(ErrorKind::runtime, "full");
                                  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "full");
  EXPECT_EQ(calls, 1);
}

TEST(FlameGraph, ComesInPieces) {
  Made made;
  std::uint32_t node = 0;
  for (int i = 0; i < 2000; ++i) node = made.add(node, std::to_string(i), 1);
  std::size_t longest = 0;
  std::size_t all = 0;
  ASSERT_TRUE(write_flame_graph(made.graph, {.title = "t"}, {},
                                [&](std::string_view text) -> Status {
                                  longest = std::max(longest, text.size());
                                  all += text.size();
                                  return {};
                                }));
  EXPECT_GT(all, 200'000U);
  EXPECT_LT(longest, 70'000U);
}

TEST(FlameText, IsCutToItsColumns) {
  EXPECT_EQ(fit_columns("abcdef", 6), "abcdef");
  EXPECT_EQ(fit_columns("abcdef", 5), "abcd…");
  EXPECT_EQ(fit_columns("汉字汉字", 8), "汉字汉字");
  EXPECT_EQ(fit_columns("汉字汉字", 7), "汉字汉…");
  EXPECT_EQ(fit_columns("汉字汉字", 6), "汉字…");
  EXPECT_EQ(fit_columns("", 5), "");
}

TEST(FlameText, SharesOfNothing) {
  EXPECT_EQ(flame_share(0, 0), "0 %");
  EXPECT_EQ(flame_share(1, 3), "33.33 %");
  EXPECT_EQ(flame_share(largest, largest), "100.00 %");
}

TEST(FlameColors, ChangesHaveSteps) {
  EXPECT_EQ(change_class(100, 101), "n0");
  EXPECT_EQ(change_class(100, 110), "r1");
  EXPECT_EQ(change_class(0, 1), "r4");
  EXPECT_EQ(change_class(1, 0), "b4");
  EXPECT_EQ(change_class(100, 70), "b2");
  EXPECT_EQ(change_class(0, 0), "n0");
}

TEST(Xml, TextIsTextWhateverItHolds) {
  EXPECT_EQ(xml_text("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(xml_text("]]>"), "]]&gt;");
  EXPECT_EQ(xml_text(std::string_view("\0\n\t", 3)), R"(\x00\x0a\x09)");
  EXPECT_EQ(xml_text("\xff"), R"(\xff)");
  EXPECT_EQ(xml_text("\xe2\x80\xae"), R"(\xe2\x80\xae)");
  // Of all 65,536, XML has no character for these two.
  EXPECT_EQ(xml_text("\xef\xbf\xbe|\xef\xbf\xbf"),
            R"(\xef\xbf\xbe|\xef\xbf\xbf)");
  EXPECT_EQ(xml_text("\xef\xbf\xbd"), "\xef\xbf\xbd");
}

TEST(Numbered, EveryMarkIsTheNumber) {
  EXPECT_TRUE(has_number("a-%n.svg"));
  EXPECT_FALSE(has_number("a-%d.svg"));
  EXPECT_EQ(numbered("a-%n.svg", 12), "a-12.svg");
  EXPECT_EQ(numbered("%n/%n%", 1), "1/1%");
  EXPECT_EQ(numbered("plain", 1), "plain");
}

// --- contrast (WCAG 2, 1.4.3): of the colours themselves

double channel(const std::string& color, std::size_t at) {
  auto value = std::stoi(color.substr(at, 2), nullptr, 16) / 255.0;
  return value <= 0.04045 ? value / 12.92
                          : std::pow((value + 0.055) / 1.055, 2.4);
}

double luminance(const std::string& color) {
  return 0.2126 * channel(color, 1) + 0.7152 * channel(color, 3) +
         0.0722 * channel(color, 5);
}

double contrast(const std::string& a, const std::string& b) {
  const auto first = luminance(a) + 0.05;
  const auto second = luminance(b) + 0.05;
  return std::max(first / second, second / first);
}

TEST(FlameColors, TextCanBeReadOnEachByDayAndByNight) {
  std::istringstream rules(color_rules());
  std::string text = "#1b1b1b";  // flame_graph.css
  int colors = 0;
  for (std::string line; std::getline(rules, line);) {
    if (line.starts_with("@media")) text = "#eceae6";
    auto fill = line.find("fill:");
    if (fill == std::string::npos) continue;
    EXPECT_GE(contrast(line.substr(fill + 5, 7), text), 4.5) << line << text;
    ++colors;
  }
  EXPECT_EQ(colors, 2 * 28);
}

}  // namespace
}  // namespace sightline::output
