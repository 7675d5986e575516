// SPDX-License-Identifier: Apache-2.0
// A run of cpuprof: from what was asked for to reports.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/error.h"
#include "cli/command.h"
#include "cli/priority.h"
#include "cli/session.h"
#include "container/cgroup.h"
#include "measurement.h"
#include "options.h"
#include "perf/cpu_time.h"
#include "report.h"
#include "sampling.h"
#include "source_report.h"
#include "stack/collector.h"
#include "stack/names.h"
#include "symbol/debuginfod.h"

namespace sightline::cpuprof {

// A thread, whatever its number is used for later.
struct ThreadId {
  int tid;
  std::uint64_t start_ticks;  // as in /proc/TID/stat
};

class Profiler {
 public:
  // Checks targets, permission and features, in that order, then loads and
  // opens everything; nothing runs yet.
  static Result<std::unique_ptr<Profiler>> open(const Options& options,
                                                std::span<char* const> argv);

  // Measures until the end and writes the last report. Returns the exit status.
  Result<int> run();

 private:
  // What a span is the difference of.
  struct Reading {
    std::uint64_t time_ns = 0;
    perf::CpuTimes cpus = {};
    std::vector<bpf::Ledger> cpu_ledgers = {};
    bpf::Ledger ledger = {};
  };

  explicit Profiler(const Options& options, cli::Session session)
      : options_(options),
        session_(std::move(session)),
        source_report_(options) {}
  Status watch_targets();
  Status prepare();
  Result<int> measure();
  Status start();
  Status tick();
  void forget_ended_targets();
  Status take_in();
  Status drain();
  Status report(ReportKind kind);
  Result<Reading> read_now();
  [[nodiscard]] Span span_until(const Reading& reading) const;
  Result<bpf::Ledger> current_ledger();
  [[nodiscard]] std::uint64_t unaccounted(const bpf::Ledger& ledger) const;
  void add_idle_time(const Reading& reading);
  void add_idle_samples(int cpu, std::uint64_t all);
  void note(const std::string& text) const;
  Status open_unwinding();
  Status load_command(std::uint64_t deadline_ns);
  [[nodiscard]] Result<std::optional<std::vector<std::uint32_t>>>
  chosen_processes() const;
  void say_unwinding() const;
  void say_left_out() const;
  void say_overrun() const;
  void open_names();
  void banner() const;
  Result<int> finish(const cli::End& end);
  std::string cgroup_path(std::uint64_t id);

  const Options& options_;
  cli::Session session_;
  std::vector<UniqueFd> targets_;  // pidfds of -p
  std::vector<ThreadId> threads_;  // of -L
  // Rows of programs that just started, and side-band records, cannot wait.
  std::optional<cli::HighestPriority> priority_;
  std::optional<cli::Command> command_;
  std::optional<Sampling> sampling_;
  std::unique_ptr<stack::Collector> collector_;
  std::optional<symbol::Debuginfod> debuginfod_;
  std::optional<stack::Names> names_;
  SourceReport source_report_;
  std::optional<container::CgroupNames> cgroups_;
  std::optional<Reports> reports_;
  Setup setup_;
  std::uint64_t open_ns_ = 0;  // when the tool began to prepare
  std::uint64_t start_ns_ = 0;
  Reading mark_;                               // where the current span began
  Span run_;                                   // all that was reported
  std::map<int, std::uint64_t> idle_counted_;  // by CPU, added to this span
};

}  // namespace sightline::cpuprof
