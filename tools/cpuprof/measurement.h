// SPDX-License-Identifier: Apache-2.0
// What was measured in one span of time: what every view shows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/loss_ledger.h"
#include "container/cgroup.h"
#include "stack/names.h"
#include "stack/profile.h"
#include "stack/rank.h"

namespace sightline::cpuprof {

// How the run was set up; the same for all its reports.
struct Setup {
  std::string host;
  std::string kernel;
  std::vector<std::string> arguments;
  std::vector<std::string> events;
  std::uint64_t frequency_hz = 0;  // 0: by period
  std::uint64_t period = 0;        // 0: by frequency
  std::uint64_t period_ns = 0;     // of a time-based event, else 0
  std::size_t cpus = 0;            // that are sampled
  std::uint64_t start_realtime_ns = 0;
  std::vector<std::string> by;  // grouping keys, never empty
  bool by_default = true;       // they were not asked for

  [[nodiscard]] bool groups_by(std::string_view key) const;
};

// Times in nanoseconds since the start of the run.
struct Span {
  std::uint64_t from_ns = 0;
  std::uint64_t to_ns = 0;
  std::uint64_t samples = 0;  // in the profile
  std::uint64_t busy_ns = 0;  // of the sampled CPUs, from /proc/stat
  std::uint64_t idle_ns = 0;
  std::uint64_t steal_ns = 0;
  bpf::Ledger ledger = {};

  [[nodiscard]] std::uint64_t length_ns() const { return to_ns - from_ns; }

  // The span that follows, taken together with this one.
  Span& operator+=(const Span& next);
};

struct Measurement {
  const Setup& setup;
  const Span& span;
  const Span& run;  // all spans so far, this one among them
  const stack::Profile& profile;
  const stack::Names& names;
  // What the rows are filed under, as --by says (by command without it).
  stack::Labeller labels;
  std::function<std::string(std::uint64_t)> cgroup_path;
};

// What --by files a row under. All must outlive it.
stack::Labeller labels_by(
    const Setup& setup, const stack::Profile& profile,
    const std::function<std::string(std::uint64_t)>& cgroup_path);

// Missing samples of one CPU that noise cannot explain. `busy_ns` and
// `idle_ns` come from /proc/stat, which counts in ticks of 10 ms; `entered`
// are the samples that reached the program, `entered_idle` those of them that
// found the idle task (idle CPUs take few, so they explain idle time at most).
// Pure.
std::uint64_t skipped_samples(std::uint64_t busy_ns, std::uint64_t idle_ns,
                              std::uint64_t period_ns, std::uint64_t entered,
                              std::uint64_t entered_idle);

}  // namespace sightline::cpuprof
