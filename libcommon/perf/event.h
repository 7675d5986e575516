// SPDX-License-Identifier: Apache-2.0
// Event names as people type them for perf -> what perf_event_open takes.
#pragma once

#include <linux/perf_event.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sightline::perf {

// One event, ready to be given a period and opened.
struct Event {
  // As it was typed, modifiers and all, or what a `name=` term says.
  std::string name;
  // size, type, config, config1, config2, exclude_* and precise_ip; all else 0.
  perf_event_attr base{};
  // cpu-clock and task-clock: the period is in nanoseconds and the event never
  // needs a counter.
  bool time_based = false;
  // The PMU of `pmu/…/` and of names that sysfs describes, else empty.
  std::string pmu;
  // The CPUs whose cores that PMU counts on; empty for all of them.
  std::vector<int> cpus;
};

// A comma-separated list in perf's spelling:
//   cycles  page-faults  L1-dcache-load-misses  r1a8    from the kernel's ABI
//   cpu/event=0x3c,umask=0x1/  cpu/mem-loads/  tsc      from sysfs
//   sched:sched_switch                                  from tracefs
// each with modifiers behind a colon (behind the last slash for a PMU's):
// u user, k kernel, h hypervisor, G guest, H host, I not idle, p and pp and
// ppp precise. Commas inside slashes do not split. Vendor event tables are not
// included.
//
// Fails as usage, with the nearest known name; as unsupported for a PMU that
// this machine lacks or a tracefs that is not mounted; as permission where
// tracefs cannot be read. `sysfs` is the root of /sys. Thread-safe.
Result<std::vector<Event>> parse_events(std::string_view list,
                                        const std::string& sysfs = "/sys");

// Whether what parse_events takes can be sampled by a BPF program: fails as
// usage for a tracepoint, which it does not look up (tracefs is for root), and
// as parse_events does. Thread-safe.
Status check_sampled_event(std::string_view text);

}  // namespace sightline::perf
