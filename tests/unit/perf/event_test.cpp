// SPDX-License-Identifier: Apache-2.0
#include "perf/event.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "fake_sysfs.h"
#include "perf/event_tables.h"

namespace sightline::perf {
namespace {

class EventTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    sysfs_ = std::make_unique<FakeSysfs>();
    sysfs_->put_pmu("cpu/type", "4")
        .put_pmu("cpu/format/event", "config:0-7,32-35")
        .put_pmu("cpu/format/umask", "config:8-15")
        .put_pmu("cpu/format/inv", "config:23")
        .put_pmu("cpu/format/ldlat", "config1:0-15")
        .put_pmu("cpu/format/wide", "config2:0-63")
        .put_pmu("cpu/format/future", "config3:0-7")
        .put_pmu("cpu/format/broken", "config:9-3")
        .put_pmu("cpu/events/mem-loads", "event=0xcd,umask=0x1,ldlat=3")
        .put_pmu("cpu/events/mem-loads.scale", "2")
        .put_pmu("cpu/events/shared", "event=1")
        .put_pmu("cpu/events/per-chip", "event=0x7,ldlat=?")
        .put_pmu("cpu/events/hostile", "../../type=1")
        .put_pmu("msr/type", "10")
        .put_pmu("msr/format/event", "config:0-63")
        .put_pmu("msr/events/tsc", "event=0x05")
        .put_pmu("msr/events/shared", "event=2")
        .put_pmu("cpu_atom/type", "11")
        .put_pmu("cpu_atom/cpus", "8-9")
        .put_pmu("cpu_atom/format/event", "config:0-7")
        .put("kernel/tracing/events/header_page", "field: u64 timestamp")
        .put("kernel/tracing/events/sched/sched_switch/id", "372");
  }

  static void TearDownTestSuite() { sysfs_.reset(); }

  Result<std::vector<Event>> parse(std::string_view list) {
    return parse_events(list, sysfs_->root());
  }
  Event one(std::string_view text) {
    auto events = parse(text);
    EXPECT_TRUE(events) << text << ": " << events.error().what;
    return events && events->size() == 1 ? (*events)[0] : Event{};
  }
  Error error(std::string_view text) {
    auto events = parse(text);
    EXPECT_FALSE(events) << text;
    return events ? Error{} : events.error();
  }

  static inline std::unique_ptr<FakeSysfs> sysfs_;
};

TEST_F(EventTest, SoftwareAndHardwareNames) {
  auto clock = one("cpu-clock");
  EXPECT_EQ(clock.base.type, PERF_TYPE_SOFTWARE);
  EXPECT_EQ(clock.base.config, PERF_COUNT_SW_CPU_CLOCK);
  EXPECT_EQ(clock.base.size, sizeof(perf_event_attr));
  EXPECT_TRUE(clock.time_based);
  EXPECT_TRUE(one("task-clock").time_based);
  EXPECT_FALSE(one("faults").time_based);
  // cycles is hardware event 0 as cpu-clock is software event 0.
  EXPECT_FALSE(one("cycles").time_based);
  EXPECT_EQ(one("stalled-cycles-backend").base.config,
            PERF_COUNT_HW_STALLED_CYCLES_BACKEND);
}

TEST_F(EventTest, CacheNames) {
  struct Case {
    const char* name;
    std::uint64_t config;
  };
  for (auto [name, config] :
       {Case{"L1-dcache-load-misses", 0x10000}, Case{"L1-dcache-stores", 0x100},
        Case{"l1d", 0}, Case{"LLC-prefetch-misses", 0x10202},
        Case{"L1-icache-speculative-read-miss", 0x10201},
        Case{"Data-TLB-write-refs", 0x103}, Case{"dTLB-misses-loads", 0x10003},
        Case{"branch-load-misses", 0x10005}, Case{"branches-loads", 5},
        Case{"node", 6}}) {
    auto event = one(name);
    EXPECT_EQ(event.base.type, PERF_TYPE_HW_CACHE) << name;
    EXPECT_EQ(event.base.config, config) << name;
  }
}

TEST_F(EventTest, CacheNamesThatMakeNoSense) {
  for (auto name : {"iTLB-stores", "L1-icache-stores", "branch-prefetches",
                    "LLC-", "LLC-loads-", "LLC-loads-stores", "LLCloads",
                    "LLC-loads-misses-misses", "LLC--loads"}) {
    EXPECT_EQ(error(name).kind, ErrorKind::usage) << name;
  }
}

TEST_F(EventTest, RawNumbers) {
  EXPECT_EQ(one("r1a8").base.type, PERF_TYPE_RAW);
  EXPECT_EQ(one("r1A8").base.config, 0x1a8U);
  EXPECT_EQ(one("r0xff").base.config, 0xffU);
  EXPECT_EQ(one("rffffffffffffffff").base.config, UINT64_MAX);
  for (auto name : {"r", "r0x", "rxyz", "r1ffffffffffffffff", "r-1"}) {
    EXPECT_EQ(error(name).kind, ErrorKind::usage) << name;
  }
}

TEST_F(EventTest, Modifiers) {
  auto user = one("cycles:u");
  EXPECT_EQ(user.name, "cycles:u");
  EXPECT_TRUE(user.base.exclude_kernel && user.base.exclude_hv);
  EXPECT_FALSE(user.base.exclude_user);
  auto both = one("cycles:uk");
  EXPECT_TRUE(both.base.exclude_hv);
  EXPECT_FALSE(both.base.exclude_user || both.base.exclude_kernel);
  auto precise = one("instructions:ppH");
  EXPECT_EQ(precise.base.precise_ip, 2U);
  EXPECT_TRUE(precise.base.exclude_guest);
  EXPECT_FALSE(precise.base.exclude_host);
  EXPECT_TRUE(one("cycles:p").base.exclude_guest);
  EXPECT_FALSE(one("cycles:Gp").base.exclude_guest);
  EXPECT_TRUE(one("cycles:I").base.exclude_idle);
  EXPECT_FALSE(one("cycles").base.exclude_guest);
}

TEST_F(EventTest, PmuTermsGoWhereTheFormatSays) {
  auto event = one("cpu/event=0x1a3,umask=4,inv,ldlat=0x20,wide=7/");
  EXPECT_EQ(event.pmu, "cpu");
  EXPECT_EQ(event.base.type, 4U);
  EXPECT_EQ(event.base.config, 0xa3U | 1ULL << 32 | 4U << 8 | 1U << 23);
  EXPECT_EQ(event.base.config1, 0x20U);
  EXPECT_EQ(event.base.config2, 7U);
  EXPECT_EQ(one("cpu/config=0x55,config1=1,config2=2/").base.config, 0x55U);
  EXPECT_EQ(one("cpu/event=1,name=mine/").name, "mine");
}

TEST_F(EventTest, PmuModifiersFollowTheLastSlash) {
  EXPECT_TRUE(one("cpu/event=0x3c/u").base.exclude_kernel);
  EXPECT_TRUE(one("cpu/mem-loads/:k").base.exclude_user);
  EXPECT_EQ(error("cpu/event=1/z").kind, ErrorKind::usage);
}

TEST_F(EventTest, DescribedEvents) {
  auto event = one("cpu/mem-loads/");
  EXPECT_EQ(event.base.config, 0x1cdU);
  EXPECT_EQ(event.base.config1, 3U);
  EXPECT_EQ(one("cpu/mem-loads,ldlat=50/").base.config1, 50U);
  EXPECT_EQ(one("cpu/per-chip,ldlat=9/").base.config1, 9U);
  EXPECT_EQ(error("cpu/per-chip/").what,
            "'ldlat' needs a value in event 'cpu/per-chip/'");
  auto bare = one("tsc");
  EXPECT_EQ(bare.pmu, "msr");
  EXPECT_EQ(bare.base.type, 10U);
  EXPECT_EQ(bare.base.config, 5U);
  EXPECT_EQ(error("shared").hint, "choose from cpu/shared/, msr/shared/");
}

TEST_F(EventTest, PmuOfSomeCoresOnly) {
  EXPECT_EQ(one("cpu_atom/event=0x3c/").cpus, (std::vector{8, 9}));
  EXPECT_TRUE(one("cpu/event=0x3c/").cpus.empty());
}

TEST_F(EventTest, CommasInsideSlashesDoNotSplit) {
  auto events = parse("cycles:u,cpu/event=0x3c,umask=1/k,sched:sched_switch");
  ASSERT_TRUE(events) << events.error().what;
  ASSERT_EQ(events->size(), 3U);
  EXPECT_EQ((*events)[1].name, "cpu/event=0x3c,umask=1/k");
  EXPECT_EQ((*events)[2].base.type, PERF_TYPE_TRACEPOINT);
  EXPECT_EQ((*events)[2].base.config, 372U);
}

TEST_F(EventTest, Tracepoints) {
  EXPECT_TRUE(one("sched:sched_switch:u").base.exclude_kernel);
  EXPECT_EQ(error("sched:sched_swich").what,
            "unknown tracepoint 'sched:sched_swich'");
  FakeSysfs bare;
  auto events = parse_events("sched:sched_switch", bare.root());
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().kind, ErrorKind::unsupported);
  FakeSysfs old;
  old.put("kernel/debug/tracing/events/a/b/id", "9");
  EXPECT_EQ(parse_events("a:b", old.root())->at(0).base.config, 9U);
}

TEST_F(EventTest, SuggestsTheNearestName) {
  EXPECT_EQ(error("cyles").what,
            "unknown event 'cyles'; did you mean 'cycles'?");
  EXPECT_EQ(error("cylces:u").what,
            "unknown event 'cylces'; did you mean 'cycles'?");
  EXPECT_EQ(error("l1-dcache-lod-misses").what,
            "unknown event 'l1-dcache-lod-misses'; did you mean "
            "'L1-dcache-load-misses'?");
  EXPECT_EQ(error("mem-load").what,
            "unknown event 'mem-load'; did you mean 'mem-loads'?");
  EXPECT_EQ(error("somethingelse").what, "unknown event 'somethingelse'");
  EXPECT_EQ(error("cpi/event=1/").what,
            "unknown PMU 'cpi' in event 'cpi/event=1/'; did you mean 'cpu'?");
  EXPECT_EQ(error("cpu/umaks=1/").what,
            "unknown term 'umaks', did you mean 'umask', in event "
            "'cpu/umaks=1/'");
}

TEST_F(EventTest, BadInput) {
  for (auto text : {"",
                    ",",
                    "cycles,",
                    "cycles,,faults",
                    "cycles:",
                    "cycles:uz",
                    "cycles:pppp",
                    "cycles:u:k",
                    "a:b:c:d",
                    "cpu/",
                    "cpu/event=1",
                    "cpu/event=/",
                    "cpu/event=1x/",
                    "cpu/event=?/",
                    "cpu/event=0x1000/",
                    "cpu/,/",
                    "cpu/=1/",
                    "cpu/mem-loads=1/",
                    "cpu/mem-loads.scale/",
                    "cpu/../../type/",
                    "cpu/hostile/",
                    "..:..",
                    "../..:id",
                    "sched:..",
                    "cycles\n",
                    "cpu/event=99999999999999999999/"}) {
    EXPECT_EQ(error(text).kind, ErrorKind::usage) << text;
  }
}

TEST_F(EventTest, UnknownPmusAndFormatsAreUnsupported) {
  auto missing = error("../event_source/devices/cpu/event=1/");
  EXPECT_EQ(missing.kind, ErrorKind::unsupported);
  EXPECT_EQ(error("uncore_imc_0/event=1/").hint, "it has cpu, cpu_atom, msr");
  EXPECT_EQ(error("cpu/future=1/").kind, ErrorKind::unsupported);
  EXPECT_EQ(error("cpu/broken=1/").kind, ErrorKind::unsupported);
}

TEST_F(EventTest, ControlCharactersAreShownEscaped) {
  EXPECT_EQ(error("\x1b[31m").what, "unknown event '\\x1b[31m'");
}

TEST(SampledEvent, IsNoTracepoint) {
  EXPECT_TRUE(check_sampled_event("cpu-clock:u"));
  EXPECT_TRUE(check_sampled_event("r1a8,page-faults"));
  for (auto text : {"sched:sched_switch", "cpu-clock,sched:sched_switch:u"}) {
    auto status = check_sampled_event(text);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().kind, ErrorKind::usage);
    EXPECT_EQ(status.error().what,
              "tracepoint 'sched:sched_switch' cannot be sampled");
    EXPECT_NE(status.error().hint.find("cpu-clock"), std::string::npos);
  }
  EXPECT_EQ(check_sampled_event("..:..").error().what, "unknown event '..:..'");
  EXPECT_FALSE(check_sampled_event("cylces"));
}

TEST(EventTables, EveryListedNameIsFound) {
  auto names = listed_event_names();
  for (const auto& name : names) EXPECT_TRUE(find_event_code(name)) << name;
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

}  // namespace
}  // namespace sightline::perf
