// SPDX-License-Identifier: Apache-2.0
// The clocks of the suite, as the kernel itself counts them: CLOCK_MONOTONIC is
// what BPF programs (bpf_ktime_get_ns) and our perf side-band records are
// stamped with. In a time namespace clock_gettime() adds an offset, which is
// taken off here (time_namespaces(7)).
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

// CLOCK_BOOTTIME in nanoseconds. Thread-safe, cannot fail.
std::uint64_t boottime_ns();

// The same moment as /proc shows it, which counts the start of processes in it:
// with the offset of our time namespace. Thread-safe, cannot fail.
std::uint64_t boottime_in_namespace(std::uint64_t boottime_ns);

// What /proc/PID/timens_offsets says (5.6) of a clock, in nanoseconds; 0 for a
// clock that it does not name. Pure.
std::int64_t parse_clock_offset(std::string_view offsets,
                                std::string_view clock);

// RFC 3339 with nanoseconds, in UTC: 2026-11-22T15:00:37.123456789Z.
std::string format_rfc3339(std::uint64_t realtime_ns);
// The way back, of exactly that form; nothing for another, or before 1970.
std::optional<std::uint64_t> parse_rfc3339(std::string_view text);

// The time of day, `15:00:37.123`, in UTC or in the zone of this process.
std::string format_time_of_day(std::uint64_t realtime_ns, bool utc);

}  // namespace sightline
