// SPDX-License-Identifier: Apache-2.0
// What the schema promises of JSON and a run seldom shows.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "report.h"
#include "stack/fake_profile.h"

namespace sightline::cpuprof {
namespace {

using nlohmann::json;

class JsonViewTest : public testing::Test {
 protected:
  JsonViewTest() {
    auto pattern =
        (std::filesystem::temp_directory_path() / "sightline.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    setup_.events = {"cpu-clock"};
    setup_.by = {"comm"};
    fake_.profile.process(1, 1);  // of all rows
  }
  ~JsonViewTest() override { std::filesystem::remove_all(directory_); }

  // The frames of the only stack.
  json frames() {
    const auto path = directory_ / "out.json";
    auto sink = output::Sink::open(path, output::Format::json);
    EXPECT_TRUE(sink);
    const Measurement measurement{.setup = setup_,
                                  .span = span_,
                                  .run = span_,
                                  .profile = fake_.profile,
                                  .names = fake_.names,
                                  .labels = fake_.by_comm(),
                                  .cgroup_path = {}};
    EXPECT_TRUE(
        make_json_view({})->show(measurement, ReportKind::final, *sink));
    EXPECT_TRUE(sink->commit());
    std::ifstream lines(path);
    for (std::string line; std::getline(lines, line);) {
      const auto record = json::parse(line);
      if (record["type"] == "stack") return record["frames"];
    }
    return {};
  }

  std::filesystem::path directory_;
  stack::FakeProfile fake_;
  cpuprof::Setup setup_;
  Span span_;
};

TEST_F(JsonViewTest, EveryNullHasItsReason) {
  fake_.names.use_source({.wanted = {.inlines = true, .lines = true}});
  fake_.add(
      "x",
      {fake_.function("lib"),
       fake_.frame({process::no_object, symbol::Reason::not_mapped, 0x1000})},
      {.count = 1});
  const auto all = frames();
  ASSERT_EQ(all.size(), 2U);
  for (const auto& frame : all) {
    for (const char* const key : {"name", "file", "line"}) {
      ASSERT_TRUE(frame.contains(key)) << frame;
      EXPECT_TRUE(frame[key].is_null()) << frame;
    }
    for (const auto& [key, value] : frame.items()) {
      if (value.is_null()) {
        EXPECT_NE(frame.value(key + "_reason", ""), "") << key << frame;
      }
    }
  }
}

}  // namespace
}  // namespace sightline::cpuprof
