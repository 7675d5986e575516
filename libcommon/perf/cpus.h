// SPDX-License-Identifier: Apache-2.0
// Which CPUs there are. Lists are ascending and as long as the machine needs;
// nothing here assumes a largest number. All functions read sysfs (`sysfs` is
// its root, so that tests can bring their own) and are thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace sightline::perf {

// CPUs that run now. Fails (runtime) when sysfs is not mounted or unreadable.
Result<std::vector<int>> online_cpus(const std::string& sysfs = "/sys");

// CPUs that can ever run without a reboot: per-CPU BPF map values and arrays
// indexed by CPU need room for the last of them. Fails like online_cpus.
Result<std::vector<int>> possible_cpus(const std::string& sysfs = "/sys");

// Fails (runtime) when one of `cpus` is offline or does not exist.
Status check_online(const std::vector<int>& cpus,
                    const std::string& sysfs = "/sys");

// The sysfs type number of the PMU whose `cpus` file holds `cpu`. Such files
// exist where cores differ (cpu_core and cpu_atom on hybrid x86); nothing on
// a machine whose cores are alike.
std::optional<std::uint32_t> core_pmu_type(int cpu,
                                           const std::string& sysfs = "/sys");

}  // namespace sightline::perf
