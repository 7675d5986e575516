// SPDX-License-Identifier: Apache-2.0
// What is written is read again: both sides against each other, and against
// what pprof's reader makes of it (tests/e2e/pprof.bats).
#include "output/pprof_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "base/text.h"
#include "output/pprof_reader.h"

namespace sightline::output {
namespace {

using namespace pprof;

constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();

// A profile that is being written; read() ends it.
class Written {
 public:
  explicit Written(const Header& header = one_type())
      : writer(*PprofWriter::open(header, [this](std::string_view piece) {
          bytes.append(piece);
          return Status();
        })) {}

  static Header one_type() {
    return {.sample_types = {{"samples", "count"}},
            .default_sample_type = "samples",
            .period_type = {"cpu", "nanoseconds"}};
  }

  Profile read() {
    EXPECT_TRUE(writer.finish());
    auto profile = read_pprof(bytes);
    EXPECT_TRUE(profile) << profile.error().what;
    return profile ? *std::move(profile) : Profile{};
  }

  std::string bytes;
  PprofWriter writer;
};

// One sample with that one value.
void add(PprofWriter& writer, std::uint64_t value) {
  EXPECT_TRUE(writer.add_sample({}, std::vector{value}, {}));
}

TEST(PprofWriter, WhatItTakesIsWhatIsRead) {
  const Header header{
      .sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
      .default_sample_type = "cpu",
      .period_type = {"cpu", "nanoseconds"},
      .period = 10'101'010,
      .time_ns = 1'700'000'000'123'456'789,
      .duration_ns = 5'000'000'000};
  const std::vector<Mapping> mappings{
      {.start = 0x401000,
       .limit = 0x40f000,
       .file_offset = 0x1000,
       .file = "/usr/bin/spin",
       .build_id = "00ff17",
       .has_functions = true,
       .has_filenames = true,
       .has_line_numbers = true,
       .has_inline_frames = true},
      {.limit = ~0ULL, .file = "[kernel.kallsyms]"}};
  const std::vector<Function> functions{{"main", "/src/main.c"},
                                        {"[kernel: stack cut]"}};
  const std::vector<Location> locations{
      {.mapping = 0, .address = 0x401234, .lines = {{0, 17}, {0, 0}}},
      {.mapping = 1, .address = 0xffffffff81000000, .lines = {{1, 0}}},
      {.mapping = {}, .address = 0, .lines = {}}};
  const std::vector<Sample> samples{
      {{1, 0, 0},
       {3, 30'303'030},
       {Label::of_text("comm", "spin"), Label::of_number("pid", 0, "pid"),
        Label::of_number("tid", -1, "")}},
      {{}, {0, most - 30'303'030}, {}}};

  Written written(header);
  auto& writer = written.writer;
  for (const auto& mapping : mappings) writer.add_mapping(mapping);
  for (const auto& function : functions) writer.add_function(function);
  for (const auto& location : locations) writer.add_location(location);
  for (const auto& sample : samples) {
    EXPECT_TRUE(
        writer.add_sample(sample.locations, sample.values, sample.labels));
  }
  writer.add_comment("lost: none");
  auto profile = written.read();
  EXPECT_EQ(profile.header, header);
  EXPECT_EQ(profile.mappings, mappings);
  EXPECT_EQ(profile.functions, functions);
  EXPECT_EQ(profile.locations, locations);
  EXPECT_EQ(profile.samples, samples);
  EXPECT_EQ(profile.comments, (std::vector<std::string_view>{"lost: none"}));
}

TEST(PprofWriter, AnEmptyProfileIsAProfile) {
  Written written;
  auto profile = written.read();
  EXPECT_EQ(profile.header, Written::one_type());
  EXPECT_TRUE(profile.samples.empty());
  EXPECT_TRUE(profile.comments.empty());
}

TEST(PprofWriter, TheSameFunctionHasOneNumber) {
  Written written;
  auto& writer = written.writer;
  EXPECT_EQ(writer.add_function({"f", "a.c"}), 0U);
  EXPECT_EQ(writer.add_function({"f", "b.c"}), 1U);
  EXPECT_EQ(writer.add_function({"f"}), 2U);
  EXPECT_EQ(writer.add_function({"f", "a.c"}), 0U);
  EXPECT_EQ(written.read().functions.size(), 3U);
}

TEST(PprofWriter, AMappingMayComeAfterWhatIsInIt) {
  Written written;
  written.writer.add_location({.mapping = 0, .address = 7, .lines = {}});
  written.writer.add_mapping({.limit = 8, .file = "late"});
  auto profile = written.read();
  EXPECT_EQ(profile.mappings.at(*profile.locations.at(0).mapping).file, "late");
}

TEST(PprofWriter, TextsFromStrangersAreHarmless) {
  const std::string hostile("<&>\"';\n\x1b[31m\xff\xc3(\0end\u202e", 22);
  Written written;
  auto& writer = written.writer;
  writer.add_function({hostile, hostile});
  writer.add_mapping({.file = hostile});
  writer.add_comment(hostile);
  EXPECT_TRUE(writer.add_sample({}, std::vector<std::uint64_t>{1},
                                std::vector{Label::of_text("comm", hostile)}));
  auto profile = written.read();
  const auto shown = printable(hostile);
  EXPECT_NE(shown, hostile);
  EXPECT_EQ(profile.functions.at(0).name, shown);
  EXPECT_EQ(profile.functions.at(0).file, shown);
  EXPECT_EQ(profile.mappings.at(0).file, shown);
  EXPECT_EQ(profile.comments.at(0), shown);
  EXPECT_EQ(profile.samples.at(0).labels.at(0).text, shown);
}

TEST(PprofWriter, ALabelThatSaysNothingIsNotWritten) {
  Written written;
  EXPECT_TRUE(written.writer.add_sample(
      {}, std::vector<std::uint64_t>{1},
      std::vector{Label::of_text("comm", ""), Label::of_number("cpu", 0, "")}));
  EXPECT_TRUE(written.read().samples.at(0).labels.empty());
}

TEST(PprofWriter, SumsStayWithin63Bits) {
  Written written;
  for (std::uint64_t value : {5ULL, 1ULL << 63, ~0ULL, 1ULL}) {
    add(written.writer, value);
  }
  auto profile = written.read();
  ASSERT_EQ(profile.samples.size(), 4U);
  EXPECT_EQ(profile.samples[0].values, std::vector<std::uint64_t>{5});
  EXPECT_EQ(profile.samples[1].values, std::vector{most - 5});
  EXPECT_EQ(profile.samples[2].values, std::vector<std::uint64_t>{0});
  ASSERT_EQ(profile.comments.size(), 1U);
  EXPECT_EQ(profile.comments[0],
            "3 values were cut: the sum of a sample type is at most 2^63 - 1");
}

TEST(PprofWriter, NothingIsCutThatFits) {
  Written written;
  add(written.writer, most - 1);
  add(written.writer, 1);
  auto profile = written.read();
  EXPECT_EQ(profile.samples.at(0).values, std::vector{most - 1});
  EXPECT_EQ(profile.samples.at(1).values, std::vector<std::uint64_t>{1});
  EXPECT_TRUE(profile.comments.empty());
}

TEST(PprofWriter, AStackOfAThousandFrames) {
  Written written;
  std::vector<Index> stack;
  for (Index i = 0; i < 1000; ++i) {
    auto name = "f" + std::to_string(i);
    auto function = written.writer.add_function({name});
    stack.push_back(written.writer.add_location(
        {.mapping = {}, .address = i, .lines = {{function, 0}}}));
  }
  EXPECT_TRUE(
      written.writer.add_sample(stack, std::vector<std::uint64_t>{1}, {}));
  EXPECT_EQ(written.read().samples.at(0).locations, stack);
}

TEST(PprofWriter, KeepsOnlyTheTextsOfManySamples) {
  Written written;
  auto function = written.writer.add_function({"f"});
  auto at = written.writer.add_location(
      {.mapping = {}, .address = 1, .lines = {{function, 1}}});
  std::size_t before = written.bytes.size();
  for (int i = 0; i < 100'000; ++i) {
    EXPECT_TRUE(written.writer.add_sample(std::vector{at, at, at},
                                          std::vector<std::uint64_t>{1}, {}));
  }
  EXPECT_GT(written.bytes.size(), before) << "sent before the end";
  EXPECT_EQ(written.read().samples.size(), 100'000U);
}

TEST(PprofWriter, RepeatsTheFirstFailure) {
  int calls = 0;
  auto writer =
      PprofWriter::open(Written::one_type(), [&](std::string_view) -> Status {
        ++calls;
        return fail(ErrorKind::runtime, "disk full");
      });
  ASSERT_TRUE(writer);
  auto status = writer->finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "disk full");
  EXPECT_FALSE(writer->add_sample({}, std::vector<std::uint64_t>{1}, {}));
  EXPECT_FALSE(writer->finish());
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace sightline::output
