// SPDX-License-Identifier: Apache-2.0
// What is refused before the kernel is asked, and the sentences for what it
// answers. Opening for real is in real_test.cpp.
#include "perf/sampler.h"

#include <gtest/gtest.h>

#include "fake_sysfs.h"
#include "perf/open.h"

namespace sightline::perf {
namespace {

Event event_of(const char* name) { return parse_events(name)->at(0); }

Error open_error(const SamplerSettings& settings,
                 const std::string& sysfs = "/sys") {
  auto sampler = Sampler::open(event_of("cpu-clock"), settings, sysfs);
  EXPECT_FALSE(sampler);
  return sampler ? Error{} : sampler.error();
}

Error explained(const char* event, int err) {
  return explain_open(event_of(event), 3, err).error();
}

TEST(Sampler, FrequencyOverTheCapNamesCapAndSysctl) {
  auto cap = max_sample_rate();
  ASSERT_TRUE(cap) << cap.error().what;
  auto error = open_error({.frequency_hz = *cap + 1});
  EXPECT_EQ(error.kind, ErrorKind::usage);
  EXPECT_NE(error.what.find(" " + std::to_string(*cap) + " Hz"),
            std::string::npos)
      << error.what;
  EXPECT_NE(error.hint.find("kernel.perf_event_max_sample_rate="),
            std::string::npos);
}

TEST(Sampler, NeedsEitherFrequencyOrPeriod) {
  EXPECT_EQ(open_error({}).kind, ErrorKind::usage);
  EXPECT_EQ(open_error({.frequency_hz = 9, .period = 9}).kind,
            ErrorKind::usage);
}

TEST(Sampler, RequestedCpusMustRun) {
  FakeSysfs sysfs;
  sysfs.put_cpus("0-1", "0-3");
  auto asking = [&](int cpu) {
    return open_error({.frequency_hz = 99, .cpus = std::vector{0, cpu}},
                      sysfs.root());
  };
  EXPECT_EQ(asking(2).what, "CPU 2 is offline");
  EXPECT_EQ(asking(2).kind, ErrorKind::runtime);
  EXPECT_EQ(asking(400).what, "CPU 400 does not exist");
}

TEST(Sampler, AnEventThatCountsOnNoneOfTheCpus) {
  FakeSysfs sysfs;
  sysfs.put_cpus("0-1", "0-1");
  auto event = event_of("cpu-clock");
  event.cpus = {8, 9};
  auto sampler = Sampler::open(event, {.frequency_hz = 99}, sysfs.root());
  ASSERT_FALSE(sampler);
  EXPECT_EQ(sampler.error().kind, ErrorKind::runtime);
}

TEST(SamplingAttr, TakesFrequencyOrPeriodAndStartsDisabled) {
  auto often = sampling_attr(event_of("cpu-clock"), {.frequency_hz = 99});
  EXPECT_EQ(often.freq, 1U);
  EXPECT_EQ(often.sample_freq, 99U);
  EXPECT_EQ(often.disabled, 1U);
  auto counted = sampling_attr(event_of("faults"), {.period = 7, .tag = 3});
  EXPECT_EQ(counted.freq, 0U);
  EXPECT_EQ(counted.sample_period, 7U);
  EXPECT_EQ(counted.wakeup_events, 3U);
}

TEST(SamplingAttr, OnlyPreciseEventsNeedTheKernelsOwnCallChain) {
  auto callchain = [](const char* event) {
    auto attr = sampling_attr(event_of(event), {.frequency_hz = 99});
    return (attr.sample_type & PERF_SAMPLE_CALLCHAIN) != 0;
  };
  EXPECT_TRUE(callchain("cycles:p"));
  EXPECT_TRUE(callchain("cycles:upp"));
  EXPECT_FALSE(callchain("cycles"));
  EXPECT_FALSE(callchain("cpu-clock:u"));
}

TEST(OpenErrors, MissingHardwareNamesWhatWorks) {
  for (int err : {ENOENT, EOPNOTSUPP}) {
    auto error = explained("cycles", err);
    EXPECT_EQ(error.kind, ErrorKind::unsupported);
    EXPECT_EQ(error.what,
              "this machine has no hardware counter for event 'cycles'");
    EXPECT_NE(error.hint.find("-e cpu-clock"), std::string::npos);
  }
  EXPECT_NE(explained("cycles:pp", EOPNOTSUPP).what.find("precisely"),
            std::string::npos);
  EXPECT_EQ(explained("faults", ENOENT).what,
            "this kernel cannot sample event 'faults'");
}

TEST(OpenErrors, EachKindHasItsHint) {
  struct Case {
    int err;
    ErrorKind kind;
    const char* hint;
  };
  for (auto [err, kind, hint] :
       {Case{EACCES, ErrorKind::permission, "CAP_PERFMON"},
        Case{EPERM, ErrorKind::permission, "kernel.perf_event_paranoid"},
        Case{EMFILE, ErrorKind::runtime, "ulimit -Hn"},
        Case{EBUSY, ErrorKind::runtime, "kernel.nmi_watchdog=0"},
        Case{ENOSPC, ErrorKind::runtime, "kernel.nmi_watchdog=0"},
        Case{ENODEV, ErrorKind::runtime, "cpu/online"},
        Case{EINVAL, ErrorKind::unsupported, "-e cpu-clock"}}) {
    auto error = explained("cycles", err);
    EXPECT_EQ(error.kind, kind) << err;
    EXPECT_NE(error.hint.find(hint), std::string::npos) << error.hint;
  }
  EXPECT_EQ(explained("cycles", ENODEV).what, "CPU 3 is offline");
  EXPECT_EQ(explained("cycles", ENOMEM).hint, "");
}

}  // namespace
}  // namespace sightline::perf
