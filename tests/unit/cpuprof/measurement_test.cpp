// SPDX-License-Identifier: Apache-2.0
#include "measurement.h"

#include <gtest/gtest.h>

namespace sightline::cpuprof {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t period = 10'000'000;  // 100 Hz

struct Case {
  const char* name;
  std::uint64_t busy_ns, idle_ns, period_ns, entered, entered_idle, skipped;
};

// At 100 Hz a busy second makes 100 samples, and noise is 3 sqrt(100) for the
// count, 4 for the ticks at both ends, 5 for the accounting: 39.
constexpr Case cases[] = {
    {"every sample came", second, 0, period, 100, 0, 0},
    {"more came than should", second, 0, period, 130, 0, 0},
    {"as many as noise explains", second, 0, period, 61, 0, 0},
    {"one more than noise explains", second, 0, period, 60, 0, 40},
    {"none came", second, 0, period, 0, 0, 100},
    {"half is missing", 100 * second, 0, period, 5'000, 0, 5'000},
    {"a tenth is missing", 100 * second, 0, period, 9'000, 0, 1'000},
    {"nine of ten are missing", 10 * second, 0, 1'000'000, 1'000, 0, 9'000},
    {"idle without a sample", 0, 100 * second, period, 0, 0, 0},
    {"idle with samples", 0, 100 * second, period, 90, 90, 0},
    {"idle samples do not stand in for busy ones", 100 * second, 50 * second,
     period, 5'000, 2'000, 7'000},
    {"the idle task cannot explain more than idle time", second, second / 5,
     period, 100, 100, 0},
    {"the machine did nothing at all", 0, 0, period, 0, 0, 0},
    {"an event that is no clock", 100 * second, 0, 0, 0, 0, 0},
    {"a short busy span is all noise", 30'000'000, 0, period, 0, 0, 0},
};

TEST(SkippedSamples, ReportsWhatNoiseCannotExplain) {
  for (const auto& c : cases) {
    EXPECT_EQ(skipped_samples(c.busy_ns, c.idle_ns, c.period_ns, c.entered,
                              c.entered_idle),
              c.skipped)
        << c.name;
  }
}

TEST(Span, HasALength) {
  Span span{.from_ns = 5, .to_ns = 12};
  EXPECT_EQ(span.length_ns(), 7U);
}

}  // namespace
}  // namespace sightline::cpuprof
