// SPDX-License-Identifier: Apache-2.0
// The clocks of the suite. CLOCK_MONOTONIC is what BPF programs
// (bpf_ktime_get_ns) and our perf side-band records are stamped with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sightline {

// CLOCK_MONOTONIC in nanoseconds. Thread-safe, cannot fail.
std::uint64_t monotonic_ns();

// CLOCK_REALTIME in nanoseconds since 1970. Thread-safe, cannot fail.
std::uint64_t realtime_ns();

// CLOCK_BOOTTIME in nanoseconds: what /proc counts the start of processes in.
// Thread-safe, cannot fail.
std::uint64_t boottime_ns();

// RFC 3339 with nanoseconds, in UTC: 2026-11-22T15:00:37.123456789Z.
std::string format_rfc3339(std::uint64_t realtime_ns);
// The way back, of exactly that form; nothing for another, or before 1970.
std::optional<std::uint64_t> parse_rfc3339(std::string_view text);

// The time of day, `15:00:37.123`, in UTC or in the zone of this process.
std::string format_time_of_day(std::uint64_t realtime_ns, bool utc);

}  // namespace sightline
