// SPDX-License-Identifier: Apache-2.0
// What this kernel, machine and process bring with them: read once at start,
// judged by preflight.h, and printed by `-V -v` for bug reports.
#pragma once

#include <sys/capability.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sightline::cli {

// Facts, without a judgement. What could not be read is absent, empty or false;
// the numbers are those of /proc/sys/kernel.
struct SystemFacts {
  std::string program;  // path of the running binary, for the hints
  std::string kernel;   // release and machine: `6.1.0-9-amd64 x86_64`
  uid_t user = 0;       // effective

  std::uint64_t capabilities = 0;  // the effective set, a bit each
  int last_capability = 0;         // the highest that the kernel knows
  bool initial_user_namespace = true;
  bool initial_pid_namespace = true;

  std::optional<int> perf_event_paranoid;  // absent: no perf events
  std::optional<int> perf_event_max_stack;
  std::optional<int> perf_event_max_sample_rate;
  std::optional<int> kptr_restrict;
  std::optional<int> unprivileged_bpf_disabled;  // absent: no bpf()
  std::string lockdown;  // `none`, `integrity`, `confidentiality`, or empty

  std::uint64_t memlock_limit = UINT64_MAX;  // hard, bytes; ~0 is unlimited
  bool charges_memlock = false;  // BPF memory counts against it (before 5.11)

  bool procfs = false;  // mounted at /proc, /sys: without them most of
  bool sysfs = false;   // what stands here is absent because it is not seen
  bool kernel_btf = false;
  bool hardware_pmu = false;
  std::string tracefs;  // mount point, or empty
  std::string cgroup2;  // mount point, or empty
  bool cgroup1 = false;
};

// Reads them all. `root` is put before every path, for tests; what comes from
// system calls is this process's own. Cannot fail; thread-safe.
SystemFacts read_system_facts(const std::string& root = "");

bool has_capability(const SystemFacts& facts, cap_value_t capability);

// The kernel has CAP_BPF and CAP_PERFMON apart from CAP_SYS_ADMIN (5.8).
bool knows_bpf_capability(const SystemFacts& facts);

// The block of `-V -v`: label and value, in the order to print. Values that
// strangers can shape are escaped.
std::vector<std::pair<std::string, std::string>> describe(
    const SystemFacts& facts);

// The same of this machine, now, a line each: what `-V -v` prints.
std::string feature_lines();

}  // namespace sightline::cli
