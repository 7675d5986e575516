// SPDX-License-Identifier: Apache-2.0
#include "ancestry.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace sightline::execsnoop {
namespace {

Exec exec(std::uint32_t pid, const std::string& comm,
          std::vector<Ancestor> ancestors) {
  return {.pid = pid, .comm = comm, .ancestors = std::move(ancestors)};
}

TEST(FoldedExecs, CountsEachChain) {
  FoldedExecs folded(false);
  folded.add(exec(5, "cc1", {{4, "make"}, {1, "systemd"}}));
  folded.add(exec(6, "cc1", {{4, "make"}, {1, "systemd"}}));
  folded.add(exec(4, "make", {{1, "systemd"}}));
  EXPECT_EQ(folded.text(), "systemd;make 1\nsystemd;make;cc1 2\n");
}

TEST(FoldedExecs, AFailureEndsInItsErrorBelowWhoTried) {
  FoldedExecs folded(false);
  auto failed = exec(5, "bash", {{1, "init"}});
  failed.error = ENOENT;
  failed.file = "/usr/bin/foo";
  folded.add(failed);
  EXPECT_EQ(folded.text(), "init;bash;foo [ENOENT] 1\n");
}

TEST(FoldedExecs, NamesFromStrangersDoNotBreakALine) {
  FoldedExecs folded(false);
  folded.add(exec(5, "a;b\nc", {{1, "worker 7"}}));
  EXPECT_EQ(folded.text(), "worker_7;a:b\\x0ac 1\n");
}

TEST(FoldedExecs, ByCpuTimeOnlyWhatHasSome) {
  FoldedExecs folded(true);
  auto ended = exec(5, "a", {});
  folded.add(ended);
  ended.life = {.user_ns = 3'000'000, .system_ns = 2'500};
  folded.add(ended);
  EXPECT_EQ(folded.text(), "a 3002\n");
}

TEST(Depths, AreCountedFromRowsOnly) {
  Depths depths;
  EXPECT_EQ(depths.add(exec(5, "sh", {{4, "sshd"}})), 0U);
  EXPECT_EQ(depths.add(exec(6, "make", {{5, "sh"}, {4, "sshd"}})), 1U);
  EXPECT_EQ(depths.add(exec(8, "cc1", {{7, "forked"}, {6, "make"}})), 2U);
  EXPECT_EQ(depths.add(exec(6, "other", {{5, "sh"}})), 1U);
}

TEST(Depths, ForgetTheOldest) {
  Depths depths(1);
  depths.add(exec(5, "sh", {}));
  depths.add(exec(6, "sh", {}));
  EXPECT_EQ(depths.add(exec(7, "x", {{5, "sh"}})), 0U);
}

}  // namespace
}  // namespace sightline::execsnoop
