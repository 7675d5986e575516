// SPDX-License-Identifier: Apache-2.0
#include "perf/cpus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "fake_sysfs.h"

namespace sightline::perf {
namespace {

TEST(Cpus, ReadsListsWithHoles) {
  FakeSysfs sysfs;
  sysfs.put_cpus("0-2,5", "0-7");
  EXPECT_EQ(online_cpus(sysfs.root()), (std::vector{0, 1, 2, 5}));
  EXPECT_EQ(possible_cpus(sysfs.root())->size(), 8U);
}

TEST(Cpus, ManyMoreThan128) {
  FakeSysfs sysfs;
  sysfs.put_cpus("0-1023,2048-2050", "0-4095");
  auto online = online_cpus(sysfs.root());
  ASSERT_TRUE(online);
  EXPECT_EQ(online->size(), 1027U);
  EXPECT_EQ(online->back(), 2050);
}

TEST(Cpus, UnreadableOrSenselessIsRuntime) {
  FakeSysfs sysfs;
  EXPECT_EQ(online_cpus(sysfs.root()).error().kind, ErrorKind::runtime);
  sysfs.put_cpus("banana", "");
  EXPECT_EQ(online_cpus(sysfs.root()).error().kind, ErrorKind::runtime);
  EXPECT_EQ(possible_cpus(sysfs.root()).error().kind, ErrorKind::runtime);
}

TEST(Cpus, CorePmuOfHybridMachine) {
  FakeSysfs sysfs;
  sysfs.put_pmu("cpu_core/type", "4").put_pmu("cpu_core/cpus", "0-7");
  sysfs.put_pmu("cpu_atom/type", "10").put_pmu("cpu_atom/cpus", "8-15");
  sysfs.put_pmu("uncore_imc/type", "24").put_pmu("uncore_imc/cpumask", "0");
  EXPECT_EQ(core_pmu_type(3, sysfs.root()), 4U);
  EXPECT_EQ(core_pmu_type(8, sysfs.root()), 10U);
  EXPECT_EQ(core_pmu_type(16, sysfs.root()), std::nullopt);
}

TEST(Cpus, ThisMachineAgreesWithItself) {
  auto online = online_cpus();
  ASSERT_TRUE(online);
  EXPECT_EQ(online->size(), std::size_t(::sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_GE(possible_cpus()->size(), online->size());
}

}  // namespace
}  // namespace sightline::perf
