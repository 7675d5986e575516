// SPDX-License-Identifier: Apache-2.0
// How long each CPU was busy and idle, from /proc/stat. An idle CPU takes
// hardly any cpu-clock samples, so idle time is never told from samples.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sightline::perf {

// One CPU's line since boot, in nanoseconds, in the kernel's resolution (one
// tick of USER_HZ, mostly 10 ms). `user` contains `guest` and `nice` contains
// `guest_nice` (account_guest_time, kernel/sched/cputime.c, Linux 6.12).
struct CpuTime {
  int cpu = 0;
  std::uint64_t user = 0;
  std::uint64_t nice = 0;
  std::uint64_t system = 0;
  std::uint64_t idle = 0;
  std::uint64_t iowait = 0;
  std::uint64_t irq = 0;
  std::uint64_t softirq = 0;
  std::uint64_t steal = 0;
  std::uint64_t guest = 0;
  std::uint64_t guest_nice = 0;

  bool operator==(const CpuTime&) const = default;
};

// All online CPUs, ascending.
struct CpuTimes {
  std::vector<CpuTime> cpus;
};

// What one CPU did between two readings, in nanoseconds. The three parts do
// not overlap; steal is time that the hypervisor took away.
struct CpuUse {
  int cpu = 0;
  std::uint64_t busy_ns = 0;  // user, nice, system, irq, softirq
  std::uint64_t idle_ns = 0;  // idle, iowait
  std::uint64_t steal_ns = 0;

  bool operator==(const CpuUse&) const = default;
};

// Reads ROOT/proc/stat. Fails (runtime) when it cannot be read or holds no
// CPU. Thread-safe.
Result<CpuTimes> read_cpu_times(const std::string& root = "");

// The same from text; `tick_ns` is the length of one tick. Columns that an old
// kernel does not have are 0. Pure.
Result<CpuTimes> parse_cpu_times(std::string_view stat, std::uint64_t tick_ns);

// CPUs that both readings have, ascending. A counter that went back (idle and
// iowait do, and all of them when a CPU went off and on) counts as 0. Pure.
std::vector<CpuUse> cpu_use(const CpuTimes& before, const CpuTimes& after);

}  // namespace sightline::perf
