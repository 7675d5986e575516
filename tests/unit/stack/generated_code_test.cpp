// SPDX-License-Identifier: Apache-2.0
#include "stack/generated_code.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/clock.h"
#include "base/units.h"
#include "process/proc.h"

namespace sightline::stack {
namespace {

using symbol::Reason;

const std::uint32_t self = static_cast<std::uint32_t>(::getpid());

// Over PID_MAX_LIMIT: never a living process.
constexpr std::uint32_t nobody = 5'000'000;

process::ImageSeen image_of(std::uint32_t pid, std::uint64_t start_ticks) {
  return {.key = {pid, 1, 1},
          .time_ns = monotonic_ns(),
          .start_boottime_ns = start_ticks * 10'000'000,
          .uid = ::geteuid(),
          .comm = "test"};
}

// This process as one that generates code, with the perf map of its number.
class GeneratedCodeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto stat = process::read_stat(self);
    ASSERT_TRUE(stat);
    auto seen = image_of(self, stat->start_ticks);
    image_ = seen.key;
    table_.see(seen);
  }
  void TearDown() override { std::filesystem::remove(map_); }

  void write(const std::string& line) {
    std::ofstream(map_, std::ios::app) << line << '\n';
  }
  Frame at(std::uint64_t address) {
    return code_.locate(image_, address, ++time_ns_);
  }
  // What becomes of a frame in a report.
  std::string name(const Frame& frame) {
    EXPECT_EQ(frame.object, process::jit_object);
    code_.settle();
    const auto& code = code_.at(frame.offset);
    return code.name.empty() ? std::string(symbol::text(code.reason))
                             : code.name;
  }

  std::string map_ = "/tmp/perf-" + std::to_string(self) + ".map";
  process::Objects objects_;
  process::Table table_{objects_};
  GeneratedCode code_{table_, objects_};
  process::ImageKey image_;
  std::uint64_t time_ns_ = monotonic_ns();
};

TEST_F(GeneratedCodeTest, IsNamedByThePerfMap) {
  write("1000 100 JS:first");
  write("1100 100 JS:second");
  EXPECT_EQ(name(at(0x1000)), "JS:first");
  EXPECT_EQ(name(at(0x11ff)), "JS:second");
  EXPECT_EQ(name(at(0x1200)), "no covering symbol");
}

TEST_F(GeneratedCodeTest, OneFunctionIsOneFrame) {
  write("1000 100 JS:first");
  EXPECT_EQ(at(0x1000), at(0x1050));
}

TEST_F(GeneratedCodeTest, WithoutAMapSaysSo) {
  EXPECT_EQ(name(at(0x1000)), symbol::text(Reason::no_jit_map));
}

// The address was another function's when it was sampled first.
TEST_F(GeneratedCodeTest, NamesAreThoseOfTheirTime) {
  write("1000 100 JS:early");
  auto early = at(0x1000);
  write("1000 100 JS:late");
  auto late = at(0x1000);
  EXPECT_EQ(name(early), "JS:early");
  EXPECT_EQ(name(late), "JS:late");
}

TEST_F(GeneratedCodeTest, WhatIsWrittenLateIsFoundForTheReport) {
  auto first = at(0x1000);
  auto again = at(0x1000);
  EXPECT_EQ(first, again) << "one address that waits, not one for each drain";
  write("1000 100 JS:buffered");
  EXPECT_EQ(name(first), "JS:buffered");
}

TEST_F(GeneratedCodeTest, WhatOneReportLackedTheNextMayHave) {
  auto first = at(0x1000);
  EXPECT_EQ(name(first), symbol::text(Reason::no_jit_map));
  auto second = at(0x1000);
  EXPECT_NE(first, second);
  write("1000 100 JS:buffered");
  EXPECT_EQ(name(second), "JS:buffered");
}

TEST_F(GeneratedCodeTest, AProcessThatNobodyReportedHasNone) {
  auto frame = code_.locate({nobody, 1, 1}, 0x1000, time_ns_);
  EXPECT_EQ(frame.object, process::anonymous_object);
  EXPECT_EQ(frame.reason, Reason::process_gone);
}

TEST_F(GeneratedCodeTest, AProcessThatIsForgottenIsNamedFirst) {
  auto seen = image_of(nobody, 1);
  auto map = "/tmp/perf-" + std::to_string(nobody) + ".map";
  table_.on_fork(nobody, self, monotonic_ns());  // it sees the same root
  seen.time_ns = monotonic_ns();
  table_.see(seen);
  auto frame = code_.locate(seen.key, 0x1000, ++time_ns_);
  table_.on_exit(nobody, monotonic_ns());
  std::ofstream(map) << "1000 100 JS:gone\n";
  for (int i = 0; i < 2; ++i) table_.forget(monotonic_ns() + ns_per_second);
  ASSERT_EQ(table_.find(seen.key), nullptr);
  code_.forget();
  std::filesystem::remove(map);
  EXPECT_EQ(name(frame), "JS:gone");
}

TEST_F(GeneratedCodeTest, StartsOverWithItsNumbers) {
  write("1000 100 JS:first");
  at(0x1000);
  at(0x9000);
  code_.reset();
  EXPECT_EQ(name(at(0x1000)), "JS:first");
}

}  // namespace
}  // namespace sightline::stack
