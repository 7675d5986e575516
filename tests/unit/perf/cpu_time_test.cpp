// SPDX-License-Identifier: Apache-2.0
#include "perf/cpu_time.h"

#include <gtest/gtest.h>

namespace sightline::perf {
namespace {

constexpr std::uint64_t tick = 10'000'000;

CpuTimes parse(std::string_view text) {
  auto times = parse_cpu_times(text, tick);
  EXPECT_TRUE(times) << times.error().what;
  return times.value_or(CpuTimes{});
}

TEST(CpuTime, ReadsEachCpuInNanoseconds) {
  auto times = parse(
      "cpu  11 2 3 4 5 6 7 8 9 10\n"
      "cpu0 1 2 3 4 5 6 7 8 9 10\n"
      "cpu130 10 0 0 0 0 0 0 0 0 0\n"
      "intr 5 0 0\n"
      "cpu7 1 1 1 1\n");
  ASSERT_EQ(times.cpus.size(), 2U);
  EXPECT_EQ(times.cpus[0],
            (CpuTime{0, 1 * tick, 2 * tick, 3 * tick, 4 * tick, 5 * tick,
                     6 * tick, 7 * tick, 8 * tick, 9 * tick, 10 * tick}));
  EXPECT_EQ(times.cpus[1].cpu, 130);
  EXPECT_EQ(times.cpus[1].user, 10 * tick);
}

TEST(CpuTime, OldKernelsHaveFewerColumnsAndNewOnesMayHaveMore) {
  EXPECT_EQ(parse("cpu0 1 2 3 4\n").cpus[0].idle, 4 * tick);
  EXPECT_EQ(parse("cpu0 1 2 3 4 5 6 7 8 9 10 11\n").cpus[0].guest_nice,
            10 * tick);
}

TEST(CpuTime, HugeCountersSaturate) {
  auto times = parse("cpu0 1 2 3 4 5 6 7 18446744073709551615 0 0\n");
  EXPECT_GT(times.cpus[0].steal, UINT64_MAX - tick);
}

TEST(CpuTime, RefusesWhatIsNoStat) {
  for (auto text : {"", "intr 1\n", "cpu  1 2 3 4\n", "cpux 1 2 3 4\n",
                    "cpu0 1 2 3\n", "cpu0 1 -2 3 4\n", "cpu0 1 2 3 x\n"}) {
    auto times = parse_cpu_times(text, tick);
    ASSERT_FALSE(times) << text;
    EXPECT_EQ(times.error().kind, ErrorKind::runtime) << text;
  }
}

// user nice system idle iowait irq softirq steal guest guest_nice
TEST(CpuTime, UseIsBusyIdleAndStealApart) {
  auto before = parse("cpu0 0 0 0 0 0 0 0 0 0 0\n");
  auto after = parse("cpu0 1 2 4 8 16 32 64 128 256 512\n");
  EXPECT_EQ(cpu_use(before, after),
            (std::vector{CpuUse{0, 103 * tick, 24 * tick, 128 * tick}}));
}

TEST(CpuTime, CountersThatGoBackCountAsZero) {
  auto before = parse("cpu0 5 0 0 100 50 0 0 0 0 0\n");
  auto after = parse("cpu0 7 0 0 90 60 0 0 0 0 0\n");
  EXPECT_EQ(cpu_use(before, after),
            (std::vector{CpuUse{0, 2 * tick, 10 * tick, 0}}));
}

TEST(CpuTime, OnlyCpusOfBothReadings) {
  auto before = parse("cpu0 0 0 0 0\ncpu1 0 0 0 0\ncpu3 0 0 0 0\n");
  auto after = parse("cpu1 1 0 0 0\ncpu2 1 0 0 0\ncpu3 2 0 0 0\n");
  EXPECT_EQ(cpu_use(before, after),
            (std::vector{CpuUse{1, tick, 0, 0}, CpuUse{3, 2 * tick, 0, 0}}));
}

TEST(CpuTime, ThisMachine) {
  auto times = read_cpu_times();
  ASSERT_TRUE(times) << times.error().what;
  // A machine that runs tests has been busy and has booted in the past.
  EXPECT_GT(times->cpus[0].user + times->cpus[0].system, 0U);
  EXPECT_FALSE(read_cpu_times("/nonexistent"));
}

}  // namespace
}  // namespace sightline::perf
