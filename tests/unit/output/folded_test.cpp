// SPDX-License-Identifier: Apache-2.0
#include "output/folded.h"

#include <gtest/gtest.h>

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "base/text.h"

namespace sightline::output {
namespace {

struct Stack {
  std::vector<std::string> frames;
  std::string count;
};

// What flamegraph.pl makes of a line: its own expression, tried twice, because
// a second number would be the other side of a differential profile.
std::optional<Stack> read_as_flamegraph_does(std::string line) {
  static const std::regex counted(R"(^(.*)\s+?(\d+(?:\.\d*)?)$)");
  if (line.empty() || line.back() != '\n') return std::nullopt;
  line.pop_back();
  std::smatch parts;
  std::smatch again;
  if (!std::regex_match(line, parts, counted)) return std::nullopt;
  auto stack = parts[1].str();
  if (std::regex_match(stack, again, counted)) return std::nullopt;
  Stack read{{}, parts[2].str()};
  for (auto frame : split(stack, ';')) read.frames.emplace_back(frame);
  return read;
}

TEST(FoldedLine, JoinsFramesAndEndsInTheCount) {
  FoldedLine line;
  line.frame("bash").frame("main").frame("do_work");
  EXPECT_EQ(line.finish(31), "bash;main;do_work 31\n");
  EXPECT_EQ(line.frame("next").finish(0), "next 0\n");
}

TEST(FoldedLine, MarksFramesAsFlamegraphColoursThem) {
  FoldedLine line;
  line.frame("node")
      .frame("f", FrameKind::jit)
      .frame("g", FrameKind::inlined)
      .frame("read", FrameKind::kernel)
      .frame("wake", FrameKind::waker);
  EXPECT_EQ(line.finish(1), "node;f_[j];g_[i];read_[k];wake_[w] 1\n");
}

TEST(FoldedLine, KeepsSeparatorsOutOfNames) {
  FoldedLine line;
  line.frame("a;b").frame("c\nd").frame("");
  EXPECT_EQ(line.finish(1), "a:b;c\\x0ad;[no name] 1\n");
}

TEST(FoldedLine, EscapesWhatIsNotText) {
  FoldedLine line;
  line.frame("\x1b[31m").frame("\xff").frame("\u202e").frame("naïve");
  EXPECT_EQ(line.finish(1), "\\x1b[31m;\\xff;\\xe2\\x80\\xae;naïve 1\n");
}

TEST(FoldedLine, DoesNotEndANameLikeACount) {
  FoldedLine line;
  EXPECT_EQ(line.frame("worker 12").finish(7), "worker_12 7\n");
  EXPECT_EQ(line.frame("v 1.5").finish(7), "v_1.5 7\n");
  EXPECT_EQ(line.frame("a  3").finish(7), "a _3 7\n");
  EXPECT_EQ(line.frame("operator int 64").frame("x").finish(7),
            "operator int_64;x 7\n");
  EXPECT_EQ(line.frame("eth0 rx").finish(7), "eth0 rx 7\n");
  EXPECT_EQ(line.frame("12").finish(7), "12 7\n");
  EXPECT_EQ(line.frame("blank ").finish(7), "blank  7\n");
}

TEST(FoldedLine, IsReadBackWholeWhateverTheNames) {
  const std::vector<std::string> hostile = {"",
                                            " ",
                                            "7",
                                            " 7",
                                            "a 7",
                                            "a  7 ",
                                            "a 7.",
                                            "a\t7",
                                            "a;7",
                                            ";",
                                            "\n",
                                            "a\n7",
                                            "a\u00a07",
                                            "a\r7",
                                            "\xff 7",
                                            "a 1 2 3",
                                            "#comment",
                                            "a\u30007",
                                            "x\x85 1",
                                            "\u0085",
                                            "\u2028",
                                            "_[k]",
                                            "(anonymous namespace)::f 1"};
  for (const auto& root : hostile) {
    for (const auto& leaf : hostile) {
      FoldedLine line;
      auto text = line.frame(root).frame(leaf).finish(42);
      auto stack = read_as_flamegraph_does(text);
      ASSERT_TRUE(stack) << text;
      EXPECT_EQ(stack->frames.size(), 2u) << text;
      EXPECT_EQ(stack->count, "42") << text;
      EXPECT_TRUE(is_utf8(text));
    }
  }
}

}  // namespace
}  // namespace sightline::output
