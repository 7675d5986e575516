// SPDX-License-Identifier: Apache-2.0
#include "dns/newcomers.h"

#include <gtest/gtest.h>

namespace sightline::dns {
namespace {

using Pids = std::vector<std::uint32_t>;

Pids drain(Newcomers& newcomers) {
  Pids pids;
  while (auto pid = newcomers.next()) pids.push_back(*pid);
  return pids;
}

TEST(Newcomers, EachIsLookedAtTwice) {
  Newcomers newcomers;
  newcomers.add({1, 2});
  EXPECT_EQ(drain(newcomers), (Pids{1, 2}));
  newcomers.add({1, 2, 3});
  EXPECT_EQ(drain(newcomers), (Pids{3, 1, 2}));
  newcomers.add({1, 3, 4});
  EXPECT_EQ(drain(newcomers), (Pids{4, 3}));
  newcomers.add({1, 3});  // 4 has ended
  EXPECT_EQ(drain(newcomers), Pids());
  // A number that comes again is somebody else.
  newcomers.add({1});
  newcomers.add({1, 3});
  EXPECT_EQ(drain(newcomers), (Pids{3}));
}

TEST(Newcomers, TheyTakeTurns) {
  Newcomers newcomers;
  newcomers.add({1, 2, 3});
  drain(newcomers);
  newcomers.add({1, 2, 3, 10, 11, 12});
  EXPECT_EQ(drain(newcomers), (Pids{10, 1, 11, 2, 12, 3}));
}

TEST(Newcomers, MoreThanThereIsRoomForAreSkippedAndCounted) {
  Newcomers newcomers(3);
  newcomers.add({1, 2, 3, 4, 5});  // what there is at the start is looked at
  EXPECT_EQ(newcomers.skipped(), 0U);
  EXPECT_EQ(drain(newcomers), (Pids{1, 2, 3, 4, 5}));
  newcomers.add({1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_EQ(newcomers.skipped(), 3U);  // 9; 4 and 5 for the second time
  EXPECT_EQ(drain(newcomers), (Pids{6, 1, 7, 2, 8, 3}));
}

TEST(Newcomers, WhoExecutesAnotherProgramIsNewAgain) {
  Newcomers newcomers;
  for (int i = 0; i < 3; ++i) newcomers.add({1, 2, 3});
  drain(newcomers);
  newcomers.renew(3);
  newcomers.renew(2);
  EXPECT_EQ(drain(newcomers), (Pids{3, 2}));
  newcomers.add({1, 3});  // 2 has ended
  EXPECT_EQ(drain(newcomers), Pids{3});
  newcomers.add({1, 3});
  EXPECT_EQ(drain(newcomers), Pids());
}

TEST(Newcomers, NotWithoutEnd) {
  Newcomers newcomers(2);
  newcomers.add({1, 2, 3});
  drain(newcomers);
  for (std::uint32_t pid : {1, 2, 3}) newcomers.renew(pid);
  EXPECT_EQ(newcomers.skipped(), 1U);
  EXPECT_EQ(drain(newcomers), (Pids{1, 2}));
}

TEST(Executions, AnotherProgramIsAChange) {
  Executions executions;
  executions.keep({1, 2});
  EXPECT_FALSE(executions.changes(1, "sh")) << "the first";
  EXPECT_FALSE(executions.changes(1, "sh"));
  EXPECT_FALSE(executions.changes(2, "python3"));
  EXPECT_TRUE(executions.changes(1, "python3"));
  EXPECT_FALSE(executions.changes(1, "python3"));
  executions.keep({2});
  EXPECT_FALSE(executions.changes(1, "sh")) << "another process";
}

TEST(Executions, EachHasItsTurn) {
  Executions executions;
  EXPECT_EQ(executions.next(), std::nullopt);
  executions.keep({1, 5, 9});
  EXPECT_EQ(executions.next(), 1U);
  EXPECT_EQ(executions.next(), 5U);
  executions.keep({1, 7});
  EXPECT_EQ(executions.next(), 7U);
  EXPECT_EQ(executions.next(), 1U);
}

TEST(SeenPrograms, AFewLooksAreEnoughForAMinute) {
  SeenPrograms programs;
  std::uint64_t now = SeenPrograms::most_age_ns * 2;
  for (unsigned i = 0; i < SeenPrograms::enough; ++i) {
    EXPECT_TRUE(programs.wants_look("sh", now));
  }
  EXPECT_FALSE(programs.wants_look("sh", now));
  EXPECT_TRUE(programs.wants_look("python3", now));
  EXPECT_FALSE(programs.wants_look("sh", now + SeenPrograms::most_age_ns));
  EXPECT_TRUE(programs.wants_look("sh", now + SeenPrograms::most_age_ns + 1));
}

TEST(SeenPrograms, ThereIsRoomForSoMany) {
  SeenPrograms programs;
  for (unsigned i = 0; i < SeenPrograms::enough; ++i) {
    EXPECT_TRUE(programs.wants_look("sh", 1));
  }
  for (std::size_t i = 0; i < SeenPrograms::most; ++i) {
    programs.wants_look(std::to_string(i), 1);
  }
  EXPECT_TRUE(programs.wants_look("sh", 1));
}

}  // namespace
}  // namespace sightline::dns
