// SPDX-License-Identifier: Apache-2.0
// What docs/schema.md promises of pprof and a run seldom shows.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "output/pprof_reader.h"
#include "report.h"
#include "stack/fake_profile.h"

namespace sightline::cpuprof {
namespace {

using output::pprof::Label;
using output::pprof::Profile;
using output::pprof::ValueType;

class PprofViewTest : public testing::Test {
 protected:
  PprofViewTest() {
    auto pattern =
        (std::filesystem::temp_directory_path() / "sightline.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    setup_.host = "host";
    setup_.kernel = "6.1.0";
    setup_.arguments = {"cpuprof", "-F", "999"};
    setup_.events = {"cpu-clock"};
    setup_.by = {"comm"};
    setup_.frequency_hz = 999;
    setup_.period_ns = 1'001'001;
    setup_.start_realtime_ns = 1'700'000'000'000'000'000;
    process_ = fake_.profile.process(7, 1);
  }
  ~PprofViewTest() override { std::filesystem::remove_all(directory_); }

  void add(const stack::RowKey& row, const stack::Counts& counts) {
    fake_.profile.add(row, counts);
  }

  Status show(output::Sink& sink, ReportKind kind) {
    const Measurement measurement{
        .setup = setup_,
        .span = span_,
        .run = span_,
        .profile = fake_.profile,
        .names = fake_.names,
        .labels = fake_.by_comm(),
        .cgroup_path = [](std::uint64_t) { return "/a/long/path/of/a/group"; }};
    return make_pprof_view()->show(measurement, kind, sink);
  }

  Profile written() {
    const auto path = directory_ / "out.pb.gz";
    auto sink = output::Sink::open(path, output::Format::pprof);
    EXPECT_TRUE(sink);
    EXPECT_TRUE(show(*sink, ReportKind::final));
    EXPECT_TRUE(sink->commit());
    auto profile = output::read_pprof(read_file(path).value_or(""));
    EXPECT_TRUE(profile) << profile.error().what;
    return profile ? *std::move(profile) : Profile{};
  }

  std::filesystem::path directory_;
  stack::FakeProfile fake_;
  stack::ProcessId process_ = 0;
  cpuprof::Setup setup_;
  Span span_;
};

TEST_F(PprofViewTest, AnEmptyReportIsAProfile) {
  span_.from_ns = 5;
  span_.to_ns = 2'000'000'005;
  auto profile = written();
  EXPECT_TRUE(profile.samples.empty());
  EXPECT_TRUE(profile.mappings.empty());
  const auto& header = profile.header;
  EXPECT_EQ(
      header.sample_types,
      (std::vector<ValueType>{{"samples", "count"}, {"cpu", "nanoseconds"}}));
  EXPECT_EQ(header.default_sample_type, "cpu");
  EXPECT_EQ(header.period_type, (ValueType{"cpu", "nanoseconds"}));
  EXPECT_EQ(header.period, 1'001'001U);
  EXPECT_EQ(header.time_ns, 1'700'000'000'000'000'005U);
  EXPECT_EQ(header.duration_ns, 2'000'000'000U);
}

TEST_F(PprofViewTest, CommentsAreTheRecordsOfJson) {
  span_.ledger[LEDGER_table_full] = 3;
  span_.to_ns = 9;
  auto profile = written();
  ASSERT_EQ(profile.comments.size(), 4U);
  EXPECT_TRUE(profile.comments[0].starts_with("cpuprof "));
  EXPECT_TRUE(
      profile.comments[0].ends_with(" on host, Linux 6.1.0: cpuprof -F 999"));
  EXPECT_TRUE(profile.comments[1].starts_with("lost: 3 "));
  const auto begin = nlohmann::json::parse(profile.comments[2].substr(1));
  const auto end = nlohmann::json::parse(profile.comments[3].substr(1));
  EXPECT_EQ(begin["type"], "begin");
  EXPECT_EQ(begin["arguments"], nlohmann::json(setup_.arguments));
  EXPECT_EQ(end["type"], "end");
  EXPECT_EQ(end["to_ns"], 9);
  EXPECT_EQ(end["ledger"]["table_full"], 3);
}

TEST_F(PprofViewTest, LabelsAreWhatIsGroupedBy) {
  setup_.by = {"tid", "cpu", "cgroup"};
  auto& process = fake_.profile.process_at(process_);
  process.known = true;
  process.comm = "daemon";
  process.uid = 0;
  add({.process = process_,
       .tid = 4'000'000'000,
       .cpu = 0,
       .cgroup = 0xffffffffffffffff,
       .comm = fake_.profile.name("worker")},
      {.count = 2, .sum = 5});
  auto profile = written();
  EXPECT_EQ(profile.samples.at(0).values, (std::vector<std::uint64_t>{2, 5}));
  EXPECT_EQ(profile.samples.at(0).labels,
            (std::vector{Label::of_number("pid", 7, "pid"),
                         Label::of_text("process", "daemon"),
                         Label::of_number("uid", 0, "uid"),
                         Label::of_text("comm", "worker"),
                         Label::of_number("tid", 4'000'000'000, "tid"),
                         Label::of_number("cpu", 0, "cpu"),
                         Label::of_text("cgroup", "/a/long/path/of/a/group"),
                         Label::of_text("cgroup_id", "0xffffffffffffffff"),
                         Label::of_text("event", "cpu-clock")}));
}

TEST_F(PprofViewTest, WhatIsNotKnownHasNoLabelAndNoNameIsSaid) {
  add({.process = process_, .comm = fake_.profile.name("")}, {.count = 1});
  EXPECT_EQ(written().samples.at(0).labels,
            (std::vector{Label::of_number("pid", 7, "pid"),
                         Label::of_text("comm", "[no name]"),
                         Label::of_text("event", "cpu-clock")}));
}

TEST_F(PprofViewTest, SeveralEventsHaveATypeEach) {
  setup_.events = {"cycles", "page-faults"};
  setup_.period_ns = 0;
  setup_.period = 1000;
  auto comm = fake_.profile.name("x");
  add({.process = process_, .event = 0, .comm = comm},
      {.count = 3, .sum = 3000});
  add({.process = process_, .event = 1, .comm = comm},
      {.count = 1, .sum = 1000});
  auto profile = written();
  EXPECT_EQ(profile.header.sample_types,
            (std::vector<ValueType>{{"samples", "count"},
                                    {"cycles", "count"},
                                    {"page-faults", "count"}}));
  EXPECT_EQ(profile.header.default_sample_type, "cycles");
  EXPECT_EQ(profile.header.period, 1000U);
  ASSERT_EQ(profile.samples.size(), 2U);
  EXPECT_EQ(profile.samples[0].values,
            (std::vector<std::uint64_t>{3, 3000, 0}));
  EXPECT_EQ(profile.samples[1].values,
            (std::vector<std::uint64_t>{1, 0, 1000}));
}

TEST_F(PprofViewTest, OneEventThatIsNotTime) {
  setup_.events = {"page-faults"};
  setup_.period_ns = 0;
  EXPECT_EQ(
      written().header.sample_types,
      (std::vector<ValueType>{{"samples", "count"}, {"events", "count"}}));
}

TEST_F(PprofViewTest, WeightsOf64Bits) {
  auto comm = fake_.profile.name("x");
  add({.process = process_, .tid = 1, .comm = comm},
      {.count = 1, .sum = std::uint64_t{1} << 63});
  add({.process = process_, .tid = 2, .comm = comm}, {.count = 1, .sum = 9});
  auto profile = written();
  ASSERT_EQ(profile.samples.size(), 2U);
  EXPECT_EQ(profile.samples[0].values[1],
            std::uint64_t{std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(profile.samples[1].values[1], 0U);
  EXPECT_TRUE(profile.comments.back().starts_with("2 values were cut: "));
}

}  // namespace
}  // namespace sightline::cpuprof
