// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <ctime>
#include <sstream>

#include "base/file.h"
#include "base/units.h"

namespace sightline {
namespace {

std::uint64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * ns_per_second +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Unless somebody has called unshare(CLONE_NEWTIME) and executed us without a
// fork, on a kernel where that does not take us there.
bool is_own_for_children() {
  struct stat own{};
  struct stat of_children{};
  return ::stat("/proc/self/ns/time", &own) == 0 &&
         ::stat("/proc/self/ns/time_for_children", &of_children) == 0 &&
         own.st_ino == of_children.st_ino;
}

// For the life of a process its time namespace is the same.
struct Offsets {
  std::uint64_t monotonic_ns;
  std::uint64_t boottime_ns;
};

// Negative ones wrap around, as the sums that they are for do.
const Offsets& offsets() {
  static const Offsets known = [] {
    // They are those of the namespace that children will be in.
    auto text = is_own_for_children()
                    ? read_file("/proc/self/timens_offsets").value_or("")
                    : std::string();
    auto offset = [&](std::string_view clock) {
      return static_cast<std::uint64_t>(parse_clock_offset(text, clock));
    };
    return Offsets{offset("monotonic"), offset("boottime")};
  }();
  return known;
}

}  // namespace

std::uint64_t monotonic_ns() {
  return read_clock(CLOCK_MONOTONIC) - offsets().monotonic_ns;
}

std::uint64_t boottime_ns() {
  return read_clock(CLOCK_BOOTTIME) - offsets().boottime_ns;
}

std::uint64_t boottime_in_namespace(std::uint64_t boottime_ns) {
  return boottime_ns + offsets().boottime_ns;
}

std::int64_t parse_clock_offset(std::string_view offsets,
                                std::string_view clock) {
  std::istringstream lines{std::string(offsets)};
  std::string name;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  while (lines >> name >> seconds >> nanoseconds) {
    if (name == clock) {
      return seconds * static_cast<std::int64_t>(ns_per_second) + nanoseconds;
    }
  }
  return 0;
}

std::uint64_t realtime_ns() { return read_clock(CLOCK_REALTIME); }

std::string format_rfc3339(std::uint64_t ns) {
  auto seconds = static_cast<std::time_t>(ns / ns_per_second);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
                     utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, ns % ns_per_second);
}

std::string format_time_of_day(std::uint64_t ns, bool utc) {
  auto seconds = static_cast<std::time_t>(ns / ns_per_second);
  std::tm time{};
  if (utc) {
    ::gmtime_r(&seconds, &time);
  } else {
    ::localtime_r(&seconds, &time);
  }
  return fmt::format("{:02}:{:02}:{:02}.{:03}", time.tm_hour, time.tm_min,
                     time.tm_sec, ns % ns_per_second / ns_per_ms);
}

std::optional<std::uint64_t> parse_rfc3339(std::string_view text) {
  std::tm utc{};
  const std::string whole(text);
  const char* rest = ::strptime(whole.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) return std::nullopt;
  const auto seconds = ::timegm(&utc);
  std::uint64_t fraction = 0;
  const std::string_view behind(rest);
  if (seconds < 0 || behind.size() != 11 || behind.front() != '.' ||
      behind.back() != 'Z') {
    return std::nullopt;
  }
  const auto* end = behind.data() + 10;
  auto [at, code] = std::from_chars(behind.data() + 1, end, fraction);
  if (code != std::errc{} || at != end) return std::nullopt;
  return static_cast<std::uint64_t>(seconds) * ns_per_second + fraction;
}

}  // namespace sightline
