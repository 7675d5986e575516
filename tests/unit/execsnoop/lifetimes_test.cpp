// SPDX-License-Identifier: Apache-2.0
#include "lifetimes.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

namespace sightline::execsnoop {
namespace {

class LifetimesTest : public testing::Test {
 protected:
  static Exec exec(std::uint32_t pid, std::uint64_t time,
                   std::uint64_t start = 1) {
    return {.time_ns = time,
            .start_ns = start,
            .process = pid,
            .pid = pid,
            .times = {.runtime_ns = 100, .user = 0, .system = 0}};
  }
  static Exit exit(std::uint32_t process, std::uint64_t time,
                   std::uint32_t code) {
    return {.time_ns = time,
            .start_ns = 1,
            .process = process,
            .times = {.runtime_ns = 500, .user = 3, .system = 1},
            .max_rss_bytes = 4096,
            .code = code};
  }

  std::vector<Exec> rows_;
  Lifetimes lifetimes_{[this](Exec&& row) { rows_.push_back(std::move(row)); }};
};

TEST_F(LifetimesTest, AProgramWaitsForItsEnd) {
  lifetimes_.take(exec(5, 1000));
  EXPECT_TRUE(rows_.empty());
  lifetimes_.take(exit(5, 3000, 7 << 8));
  ASSERT_EQ(rows_.size(), 1U);
  const auto& life = *rows_[0].life;
  EXPECT_EQ(life.outcome, Outcome::exited);
  EXPECT_EQ(life.exit_code, 7);
  EXPECT_EQ(life.wall_ns, 2000U);
  EXPECT_EQ(life.user_ns + life.system_ns, 400U);
  EXPECT_EQ(life.system_ns, 100U) << "one tick of four";
  EXPECT_EQ(life.max_rss_bytes, 4096U);
}

TEST_F(LifetimesTest, WhatTheKernelHasNotAddedUpYetIsAdded) {
  // The clocks differ by a constant, which may be more than fits.
  auto constant = ~std::uint64_t{0} - 1'000'000;
  auto cpu = [&](std::uint64_t before, std::uint64_t after) {
    Times from{.runtime_ns = 5'000'000, .uncounted_ns = constant + before};
    Times to{.runtime_ns = 6'000'000, .uncounted_ns = constant + after};
    return cpu_time(from, to).user_ns;
  };
  EXPECT_EQ(cpu(0, 300'000), 1'300'000U);
  EXPECT_EQ(cpu(300'000, 0), 700'000U) << "what was before the exec";
  EXPECT_EQ(cpu(0, 3'000'000), 4'000'000U) << "across the end of 64 bits";
  EXPECT_EQ(cpu(3'000'000, 0), 0U);
  EXPECT_EQ(cpu(0, 10'000'001), 1'000'000U) << "the clocks have drifted";
  EXPECT_EQ(cpu(10'000'001, 0), 1'000'000U);
}

TEST_F(LifetimesTest, WithoutTheSchedulersClockNothingIsAdded) {
  Times known{.runtime_ns = 5'000'000, .uncounted_ns = 7};
  Times unknown{.runtime_ns = 6'000'000};
  EXPECT_EQ(cpu_time(known, unknown).user_ns, 1'000'000U);
  EXPECT_EQ(cpu_time(unknown, known).user_ns, 0U);
}

TEST_F(LifetimesTest, ASignalIsToldWithItsCore) {
  lifetimes_.take(exec(5, 1000));
  lifetimes_.take(exit(5, 3000, SIGSEGV | 0x80));
  EXPECT_EQ(rows_[0].life->outcome, Outcome::killed);
  EXPECT_EQ(rows_[0].life->signal, SIGSEGV);
  EXPECT_TRUE(rows_[0].life->core_dumped);
}

TEST_F(LifetimesTest, TheNextExecOfAProcessEndsTheOneBefore) {
  lifetimes_.take(exec(5, 1000));
  lifetimes_.take(exec(5, 1500));
  ASSERT_EQ(rows_.size(), 1U);
  EXPECT_EQ(rows_[0].life->outcome, Outcome::replaced);
  EXPECT_EQ(rows_[0].life->wall_ns, 500U);
  lifetimes_.take(exit(5, 3000, 0));
  EXPECT_EQ(rows_[1].life->wall_ns, 1500U);
}

TEST_F(LifetimesTest, ANumberThatIsUsedAgainIsAnotherProcess) {
  lifetimes_.take(exec(5, 1000, 0));
  lifetimes_.take(exit(5, 2000, 0));
  EXPECT_TRUE(rows_.empty()) << "the end of another process";
  lifetimes_.take(exec(5, 3000, 1));
  ASSERT_EQ(rows_.size(), 1U);
  EXPECT_EQ(rows_[0].life->outcome, Outcome::unknown);
}

TEST_F(LifetimesTest, ProcessesWithoutANumberForUsAreNotOne) {
  for (std::uint32_t process : {5U, 6U}) {
    auto outside = exec(process, 1000);
    outside.pid = 0;
    lifetimes_.take(std::move(outside));
  }
  EXPECT_TRUE(rows_.empty());
  lifetimes_.take(exit(5, 3000, 0));
  ASSERT_EQ(rows_.size(), 1U);
  EXPECT_EQ(rows_[0].process, 5U);
}

TEST_F(LifetimesTest, AFailureHasNoLife) {
  auto failed = exec(5, 1000);
  failed.error = ENOENT;
  lifetimes_.take(std::move(failed));
  ASSERT_EQ(rows_.size(), 1U);
  EXPECT_FALSE(rows_[0].life);
}

TEST_F(LifetimesTest, WhatRunsAtTheEndIsMarkedOldestFirst) {
  lifetimes_.take(exec(6, 2000));
  lifetimes_.take(exec(5, 1000));
  lifetimes_.end_all(4000);
  ASSERT_EQ(rows_.size(), 2U);
  EXPECT_EQ(rows_[0].pid, 5U);
  EXPECT_EQ(rows_[0].life->outcome, Outcome::running);
  EXPECT_EQ(rows_[0].life->wall_ns, 3000U);
  EXPECT_TRUE(lifetimes_.running(5000).empty());
}

}  // namespace
}  // namespace sightline::execsnoop
