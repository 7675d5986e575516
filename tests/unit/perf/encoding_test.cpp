// SPDX-License-Identifier: Apache-2.0
// Our encoding of event names against perf's own, where perf is installed.
#include <gtest/gtest.h>
#include <stdio.h>

#include <map>
#include <memory>

#include "base/text.h"
#include "perf/event.h"
#include "perf/event_tables.h"

namespace sightline::perf {
namespace {

using Fields = std::map<std::string, std::uint64_t>;

std::string run(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"),
                                             ::pclose);
  std::string text;
  char part[4096];
  while (pipe && ::fgets(part, sizeof(part), pipe.get()) != nullptr) {
    text += part;
  }
  return text;
}

// `perf stat -vv` prints each attribute that is not 0 as "  name   value",
// between two rules; what it tries next when it is refused is no matter here.
Fields perf_fields(const std::string& event) {
  auto text = run("perf stat -vv -e '" + event + "' true 2>&1");
  auto start = text.find("perf_event_attr:\n");
  if (start == std::string::npos) return {};
  std::string_view block(text);
  block = block.substr(start, block.find("\n---", start) - start);
  Fields fields;
  for (auto line : split(block, '\n')) {
    line = trim(line);
    auto blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    fields.try_emplace(
        std::string(line.substr(0, blank)),
        ::strtoull(std::string(trim(line.substr(blank))).c_str(), nullptr, 0));
  }
  return fields;
}

Fields our_fields(const perf_event_attr& attr) {
  return {{"type", attr.type},
          {"config", attr.config},
          {"config1", attr.config1},
          {"config2", attr.config2},
          {"exclude_user", attr.exclude_user},
          {"exclude_kernel", attr.exclude_kernel},
          {"exclude_hv", attr.exclude_hv},
          {"exclude_idle", attr.exclude_idle},
          {"exclude_host", attr.exclude_host},
          {"precise_ip", attr.precise_ip}};
}

void expect_same(const std::string& name) {
  auto theirs = perf_fields(name);
  if (!theirs.contains("size")) {
    ADD_FAILURE() << "perf knows no event '" << name << "'";
    return;
  }
  auto events = parse_events(name);
  ASSERT_TRUE(events) << events.error().what;
  for (const auto& [field, value] : our_fields(events->at(0).base)) {
    EXPECT_EQ(value, theirs[field]) << name << ' ' << field;
  }
}

TEST(Encoding, SameAsPerf) {
  if (!perf_fields("cpu-clock").contains("size")) {
    GTEST_SKIP() << "perf is not installed or not permitted";
  }
  for (const auto& name : listed_event_names()) expect_same(name);
  for (auto name : {"r1a8", "cpu-clock:u", "cycles:k", "cycles:uh", "cycles:pp",
                    "instructions:upH", "cycles:G", "cycles:I", "l1d",
                    "L2-misses", "Data-TLB-write-miss", "node-speculative-load",
                    "branches", "L1-instruction-misses"}) {
    expect_same(name);
  }
}

TEST(Encoding, SysfsEventsSameAsPerf) {
  if (!perf_fields("msr/tsc/").contains("size")) {
    GTEST_SKIP() << "no perf, or no msr PMU on this machine";
  }
  for (auto name : {"msr/tsc/", "msr/event=0x4/"}) expect_same(name);
}

}  // namespace
}  // namespace sightline::perf
