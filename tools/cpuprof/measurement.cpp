// SPDX-License-Identifier: Apache-2.0
#include "measurement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sightline::cpuprof {
namespace {

constexpr double tick_ns = 10e6;

// One text for one row and grouping key.
std::string label(const std::string& key, const stack::RowKey& row,
                  const stack::Profile& profile, const Setup& setup,
                  const std::function<std::string(std::uint64_t)>& cgroup) {
  const auto& process = profile.process_at(row.process);
  if (key == "pid") return fmt::format("{}-{}", process.comm, process.pid);
  if (key == "tid") {
    return fmt::format("{}-{}/{}", profile.name_at(row.comm), process.pid,
                       row.tid);
  }
  if (key == "cpu") return fmt::format("cpu{}", row.cpu);
  if (key == "cgroup") return cgroup(row.cgroup);
  if (key == "event") return setup.events[row.event];
  return profile.name_at(row.comm);
}

}  // namespace

bool Setup::groups_by(std::string_view key) const {
  return std::ranges::find(by, key) != by.end();
}

stack::Labeller labels_by(
    const Setup& setup, const stack::Profile& profile,
    const std::function<std::string(std::uint64_t)>& cgroup_path) {
  return [&setup, &profile, cgroup_path](const stack::RowKey& row) {
    stack::Labels labels;
    for (const auto& key : setup.by) {
      labels.push_back(label(key, row, profile, setup, cgroup_path));
    }
    return labels;
  };
}

Span& Span::operator+=(const Span& next) {
  to_ns = next.to_ns;
  samples += next.samples;
  busy_ns += next.busy_ns;
  idle_ns += next.idle_ns;
  steal_ns += next.steal_ns;
  for (std::size_t i = 0; i < ledger.counts.size(); ++i) {
    ledger.counts[i] += next.ledger.counts[i];
  }
  return *this;
}

std::uint64_t skipped_samples(std::uint64_t busy_ns, std::uint64_t idle_ns,
                              std::uint64_t period_ns, std::uint64_t entered,
                              std::uint64_t entered_idle) {
  if (period_ns == 0) return 0;
  auto period = static_cast<double>(period_ns);
  auto expected = static_cast<double>(busy_ns) / period;
  auto idle = std::min(static_cast<double>(entered_idle),
                       static_cast<double>(idle_ns) / period);
  auto missing = expected - (static_cast<double>(entered) - idle);
  // Three standard deviations of a count, two ticks at either end, and the
  // twentieth by which tick accounting may be off.
  auto noise = 3 * std::sqrt(expected) + 4 * tick_ns / period + expected / 20;
  return missing > noise ? static_cast<std::uint64_t>(std::llround(missing))
                         : 0;
}

}  // namespace sightline::cpuprof
