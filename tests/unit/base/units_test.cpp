// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace sightline {
namespace {

constexpr auto most = std::numeric_limits<std::uint64_t>::max();

TEST(ParseNumber, TakesTheWholeRange) {
  EXPECT_EQ(parse_number("0", 0, 9), 0u);
  EXPECT_EQ(parse_number("010", 0, 99), 10u);  // decimal, not octal
  EXPECT_EQ(parse_number("18446744073709551615", 0, most), most);
}

TEST(ParseNumber, RefusesWhatIsNotExactlyThat) {
  for (auto text : {"", " 1", "1 ", "+1", "-1", "0x10", "1e3", "1.0", "1k",
                    "18446744073709551616", "nan"}) {
    auto parsed = parse_number(text, 0, most);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::usage);
  }
}

TEST(ParseNumber, NamesTheRangeAndTheTextEscaped) {
  EXPECT_EQ(parse_number("0", 1, 49999).error().what,
            "expected a whole number from 1 to 49999, got '0'");
  EXPECT_EQ(parse_number("\x1b[2J", 1, 9).error().what,
            "expected a whole number from 1 to 9, got '\\x1b[2J'");
  EXPECT_FALSE(parse_number("10", 1, 9));
}

TEST(ParseBytes, KnowsEachUnit) {
  EXPECT_EQ(parse_bytes("4096", 1, 1 << 20), 4096U);
  EXPECT_EQ(parse_bytes("64K", 1, 1 << 20), 65536U);
  EXPECT_EQ(parse_bytes("1M", 1, 1 << 20), 1U << 20);
  EXPECT_EQ(parse_bytes("1536k", 1, 2 << 20), 1536U << 10);
  EXPECT_EQ(parse_bytes("1G", 1, 1U << 30), 1U << 30);
}

TEST(ParseBytes, RefusesWhatIsNotASizeInItsRange) {
  for (const auto* text : {"", "M", "1T", "1MB", "-1", "1.5M", " 1M", "0x10",
                           "18446744073709551615G", "2M", "1K", "1023K"}) {
    auto parsed = parse_bytes(text, 1 << 20, (2 << 20) - 1);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::usage);
  }
  EXPECT_EQ(parse_bytes("5", 1 << 20, 64 << 20).error().what,
            "expected a size from 1.0 MiB to 64.0 MiB, such as 64M, got '5'");
}

TEST(ParseDuration, KnowsEachUnit) {
  EXPECT_EQ(parse_duration("5"), 5 * ns_per_second);
  EXPECT_EQ(parse_duration("5s"), 5 * ns_per_second);
  EXPECT_EQ(parse_duration("500ms"), 500 * ns_per_ms);
  EXPECT_EQ(parse_duration("250us"), 250'000u);
  EXPECT_EQ(parse_duration("7ns"), 7u);
  EXPECT_EQ(parse_duration("2m"), 120 * ns_per_second);
  EXPECT_EQ(parse_duration("1h"), 3600 * ns_per_second);
  EXPECT_EQ(parse_duration("1.5s"), 1500 * ns_per_ms);
  EXPECT_EQ(parse_duration("0.1"), 100 * ns_per_ms);
}

TEST(ParseDuration, RefusesWhatIsNotATime) {
  for (auto text : {"", "s", ".", "1.", ".5", "1.2.3", "-1", "+1", "1e3", "inf",
                    "nan", "1 s", "5S", "5sec", "5d", "0x5"}) {
    auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().what,
              "expected a time such as 5, 500ms or 2m, got '" +
                  std::string(text) + "'");
  }
}

TEST(ParseDuration, HasALowestAndAHighestTime) {
  EXPECT_EQ(parse_duration("0").error().what,
            "expected a time over 0, got '0'");
  EXPECT_FALSE(parse_duration("0.5ns"));
  EXPECT_EQ(parse_duration("8784h"), 8784 * 3600 * ns_per_second);
  EXPECT_EQ(parse_duration("8785h").error().what,
            "expected a time of at most a year, got '8785h'");
  EXPECT_FALSE(parse_duration(std::string(30, '9')));
}

// std::from_chars leaves 0 behind when a double overflows.
TEST(ParseDuration, DoesNotTakeHundredsOfDigitsForZero) {
  auto parsed = parse_duration(std::string(400, '9'));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().what.find("over 0"), std::string::npos);
}

TEST(ParseCpuList, ReadsTheKernelsForm) {
  using Cpus = std::vector<int>;
  EXPECT_EQ(parse_cpu_list("0"), Cpus{0});
  EXPECT_EQ(parse_cpu_list("0-3,8"), (Cpus{0, 1, 2, 3, 8}));
  EXPECT_EQ(parse_cpu_list("8,1-2,2,0-1"), (Cpus{0, 1, 2, 8}));
  EXPECT_EQ(parse_cpu_list("1048576"), Cpus{1048576});
}

TEST(ParseCpuList, RefusesTheRest) {
  for (auto text : {"", ",", "1,", "3-1", "-1", "1-", "1--2", "a", "0-1048577",
                    "18446744073709551615", "0-3\n"}) {
    EXPECT_FALSE(parse_cpu_list(text)) << text;
  }
  EXPECT_EQ(parse_cpu_list("3-1").error().what,
            "expected a CPU list such as 0-3,8, got '3-1'");
}

// A hundred million CPUs, were they collected one by one.
TEST(ParseCpuList, IsNotBlownUpByOverlappingRanges) {
  std::string text = "0-99999";
  for (int i = 0; i < 1000; ++i) text += ",0-99999";
  auto cpus = parse_cpu_list(text);
  ASSERT_TRUE(cpus);
  EXPECT_EQ(cpus->size(), 100'000u);
  EXPECT_LT(cpus->capacity(), 1'000'000u);
}

TEST(FormatDuration, ShowsThreeDigits) {
  EXPECT_EQ(format_duration(0), "0 ns");
  EXPECT_EQ(format_duration(812), "812 ns");
  EXPECT_EQ(format_duration(1000), "1.00 us");
  EXPECT_EQ(format_duration(1'250'000), "1.25 ms");
  EXPECT_EQ(format_duration(12'345'678), "12.3 ms");
  EXPECT_EQ(format_duration(10 * ns_per_second), "10.0 s");
}

TEST(FormatDuration, RoundsIntoTheNextUnit) {
  EXPECT_EQ(format_duration(9'996), "10.0 us");
  EXPECT_EQ(format_duration(99'960), "100 us");
  EXPECT_EQ(format_duration(999'499), "999 us");
  EXPECT_EQ(format_duration(999'500), "1.00 ms");
  EXPECT_EQ(format_duration(999'999'999), "1.00 s");
}

TEST(FormatDuration, CountsMinutesAndHours) {
  EXPECT_EQ(format_duration(100 * ns_per_second), "1m 40s");
  EXPECT_EQ(format_duration(200 * ns_per_second), "3m 20s");
  EXPECT_EQ(format_duration(3599 * ns_per_second + 500 * ns_per_ms), "1h 00m");
  EXPECT_EQ(format_duration(7380 * ns_per_second), "2h 03m");
  EXPECT_EQ(format_duration(most), "5124095h 34m");
}

TEST(FormatBytes, ShowsOneDecimal) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes((1U << 20) - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(16U << 20), "16.0 MiB");
  EXPECT_EQ(format_bytes(most), "16384.0 PiB");
}

TEST(FormatCount, SetsThousandsApart) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(most), "18,446,744,073,709,551,615");
}

TEST(Percent, IsNothingOfNothing) {
  EXPECT_EQ(percent(1, 4), 25);
  EXPECT_EQ(percent(3, 2), 150);
  EXPECT_EQ(percent(5, 0), 0);
}

TEST(FormatDurationWord, HasNoBlank) {
  EXPECT_EQ(format_duration_word(812), "812ns");
  EXPECT_EQ(format_duration_word(200 * ns_per_second), "3m20s");
}

}  // namespace
}  // namespace sightline
