// SPDX-License-Identifier: Apache-2.0
#include "perf/cpu_time.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"

namespace sightline::perf {
namespace {

// The line of interrupts grows with the machine: 16 MiB is room for thousands
// of CPUs and still a bound.
constexpr std::size_t most_stat_bytes = 16U << 20;
constexpr std::uint64_t most_cpus = 1U << 20;

// The order of the columns (show_stat, fs/proc/stat.c, Linux 6.12).
constexpr std::array columns{
    &CpuTime::user,   &CpuTime::nice,      &CpuTime::system,  &CpuTime::idle,
    &CpuTime::iowait, &CpuTime::irq,       &CpuTime::softirq, &CpuTime::steal,
    &CpuTime::guest,  &CpuTime::guest_nice};

std::unexpected<Error> bad_line(std::string_view line) {
  return fail(ErrorKind::runtime, "cannot read /proc/stat: unexpected line '" +
                                      printable(line) + "'");
}

Result<CpuTime> parse_line(std::string_view line, std::uint64_t tick_ns) {
  auto words = split(line, ' ');
  auto cpu = parse_number(words[0].substr(3), 0, most_cpus);
  if (!cpu || words.size() < 5) return bad_line(line);
  CpuTime time{.cpu = static_cast<int>(*cpu)};
  auto count = std::min(columns.size(), words.size() - 1);
  for (std::size_t at = 0; at < count; ++at) {
    auto ticks = parse_number(words[at + 1], 0, UINT64_MAX);
    if (!ticks) return bad_line(line);
    time.*columns[at] = std::min(*ticks, UINT64_MAX / tick_ns) * tick_ns;
  }
  return time;
}

std::uint64_t grown(const CpuTime& before, const CpuTime& after,
                    std::uint64_t CpuTime::* column) {
  return after.*column > before.*column ? after.*column - before.*column : 0;
}

CpuUse use_of(const CpuTime& before, const CpuTime& after) {
  auto sum = [&](auto... column) {
    return (grown(before, after, column) + ...);
  };
  return {.cpu = after.cpu,
          .busy_ns = sum(&CpuTime::user, &CpuTime::nice, &CpuTime::system,
                         &CpuTime::irq, &CpuTime::softirq),
          .idle_ns = sum(&CpuTime::idle, &CpuTime::iowait),
          .steal_ns = sum(&CpuTime::steal)};
}

}  // namespace

Result<CpuTimes> parse_cpu_times(std::string_view stat, std::uint64_t tick_ns) {
  CpuTimes times;
  for (auto line : split(stat, '\n')) {
    // The first line, "cpu ", is the sum of all.
    if (!line.starts_with("cpu")) break;
    if (line.starts_with("cpu ")) continue;
    times.cpus.push_back(SL_TRY(parse_line(line, tick_ns)));
  }
  if (times.cpus.empty()) {
    return fail(ErrorKind::runtime, "cannot read /proc/stat: it names no CPU");
  }
  std::ranges::sort(times.cpus, {}, &CpuTime::cpu);
  return times;
}

Result<CpuTimes> read_cpu_times(const std::string& root) {
  auto stat = SL_TRY(read_file(root + "/proc/stat", most_stat_bytes));
  auto hz = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return parse_cpu_times(stat, ns_per_second / hz);
}

std::vector<CpuUse> cpu_use(const CpuTimes& before, const CpuTimes& after) {
  std::vector<CpuUse> uses;
  for (const auto& now : after.cpus) {
    auto then =
        std::ranges::lower_bound(before.cpus, now.cpu, {}, &CpuTime::cpu);
    if (then != before.cpus.end() && then->cpu == now.cpu) {
      uses.push_back(use_of(*then, now));
    }
  }
  return uses;
}

}  // namespace sightline::perf
