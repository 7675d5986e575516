// SPDX-License-Identifier: Apache-2.0
#include "event/ancestry.h"

#include <gtest/gtest.h>

namespace sightline::event {
namespace {

TEST(FoldedCounts, AddsUpByLineInTheOrderOfTheText) {
  FoldedCounts counts;
  for (const auto* leaf : {"b", "a", "b"}) {
    output::FoldedLine line;
    put_ancestry(line, {{2, "sh"}, {1, "init"}});
    line.frame(leaf);
    counts.add(line, 3);
  }
  EXPECT_EQ(counts.text(), "init;sh;a 3\ninit;sh;b 6\n");
  counts.clear();
  EXPECT_EQ(counts.text(), "");
}

TEST(FoldedCounts, NumbersInNamesAreNotTheCount) {
  FoldedCounts counts;
  output::FoldedLine line;
  line.frame("worker 7");
  counts.add(line, 1);
  EXPECT_EQ(counts.text(), "worker_7 1\n");
}

}  // namespace
}  // namespace sightline::event
