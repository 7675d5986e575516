// SPDX-License-Identifier: Apache-2.0
// The one call of perf_event_open, and what its failures mean to people.
// Inside the room; thread-safe.
#pragma once

#include <linux/perf_event.h>

#include <expected>

#include "base/error.h"
#include "base/handle.h"
#include "perf/event.h"

namespace sightline::perf {

// Opens close-on-exec, outside any group; the errno on failure. `pid` -1 is
// every process, `cpu` -1 every CPU (not both). When descriptors run out, the
// soft limit is raised to the hard one and the call repeated: one event a CPU
// passes the usual soft limit of 1,024 on large machines.
std::expected<UniqueFd, int> open_event(perf_event_attr attr, int pid, int cpu);

// The sentence and hint for an errno of open_event on `cpu`.
std::unexpected<Error> explain_open(const Event& event, int cpu, int err);

// One ioctl on each descriptor in turn; `what` names it in the failure.
Status ioctl_all(const std::vector<UniqueFd>& fds, unsigned long request,
                 unsigned long argument, const std::string& what);

}  // namespace sightline::perf
