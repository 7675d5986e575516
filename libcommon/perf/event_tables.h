// SPDX-License-Identifier: Apache-2.0
// Events that the kernel's own ABI names, in perf's spelling: software,
// hardware and cache events, and raw numbers. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::perf {

// What perf_event_attr calls type and config (include/uapi/linux/perf_event.h).
struct EventCode {
  std::uint32_t type = 0;
  std::uint64_t config = 0;

  bool operator==(const EventCode&) const = default;
};

// `cycles`, `L1-dcache-load-misses`, `r1a8`, …; nothing for other names.
std::optional<EventCode> find_event_code(std::string_view name);

// Every software and hardware name and each cache event once: what `perf list`
// shows, for suggestions and completions.
std::vector<std::string> listed_event_names();

}  // namespace sightline::perf
