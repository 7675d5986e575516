// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <ctime>

namespace sightline {
namespace {

TEST(MonotonicClock, IsTheOneThatBpfStampsWith) {
  auto before = monotonic_ns();
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  auto middle = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                static_cast<std::uint64_t>(now.tv_nsec);
  auto after = monotonic_ns();
  EXPECT_LE(before, middle);
  EXPECT_LE(middle, after);
}

// time_namespaces(7).
TEST(ClockOffset, IsThatOfItsClock) {
  constexpr std::string_view text =
      "monotonic           2         5\nboottime        -604800 900000000\n";
  EXPECT_EQ(parse_clock_offset(text, "monotonic"), 2'000'000'005);
  EXPECT_EQ(parse_clock_offset(text, "boottime"), -604'799'100'000'000);
  EXPECT_EQ(parse_clock_offset(text, "realtime"), 0);
  EXPECT_EQ(parse_clock_offset("", "monotonic"), 0);
  EXPECT_EQ(parse_clock_offset("monotonic x", "monotonic"), 0);
}

TEST(RealtimeClock, CountsFrom1970) {
  auto before = static_cast<std::uint64_t>(std::time(nullptr));
  auto seconds = realtime_ns() / 1'000'000'000;
  EXPECT_GE(seconds + 1, before);  // time() may read a coarser clock
  EXPECT_LE(seconds, before + 60);
}

TEST(Rfc3339, WritesNanosecondsInUtc) {
  EXPECT_EQ(format_rfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(format_rfc3339(951'827'696'000'000'007),
            "2000-02-29T12:34:56.000000007Z");
  EXPECT_EQ(format_rfc3339(4'102'444'799'999'999'999),
            "2099-12-31T23:59:59.999999999Z");
}

TEST(Rfc3339, ReadsWhatItWrites) {
  for (std::uint64_t ns :
       {0UL, 951'827'696'000'000'007UL, 4'102'444'799'999'999'999UL}) {
    EXPECT_EQ(parse_rfc3339(format_rfc3339(ns)), ns);
  }
  for (const auto* text :
       {"", "yesterday", "2000-02-29T12:34:56Z",
        "2000-02-29T12:34:56.000000007", "2000-02-29T12:34:56.00000000xZ",
        "2000-02-29T12:34:56.000000007+01:00",
        "1960-01-01T00:00:00.000000000Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

}  // namespace
}  // namespace sightline
