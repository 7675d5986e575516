// SPDX-License-Identifier: Apache-2.0
// A run of offcpu: from what was asked for to its report.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "bpf/epoch_map.h"
#include "cli/command.h"
#include "cli/session.h"
#include "container/cgroup.h"
#include "options.h"
#include "process/proc.h"
#include "report.h"
#include "stack/collector.h"
#include "stack/names.h"
#include "tracing.h"
#include "waits.h"

namespace sightline::offcpu {

class Tracer {
 public:
  // Checks targets, permission and features, in that order, then loads and
  // opens everything; nothing runs yet.
  static Result<std::unique_ptr<Tracer>> open(const Options& options,
                                              std::span<char* const> argv);

  // Measures until the end and writes the report. Returns the exit status.
  Result<int> run();

 private:
  Tracer(const Options& options, cli::Session session)
      : options_(options), session_(std::move(session)) {}
  Status watch_targets();
  Status prepare();
  Status open_unwinding();
  Result<int> measure();
  Status start();
  Status take_in();
  Status drain();
  Status tick();
  Status report(ReportKind kind);
  Result<int> finish(const cli::End& end);
  void note(const std::string& text) const;
  [[nodiscard]] bpf::Ledger ledger_of(const Waits& waits,
                                      bpf::Ledger ledger) const;
  [[nodiscard]] stack::Labels labels_of(const stack::RowKey& row);

  const Options& options_;
  cli::Session session_;
  std::vector<UniqueFd> targets_;           // pidfds of -p
  std::vector<process::ThreadId> threads_;  // of -L
  std::optional<cli::Command> command_;
  std::optional<Tracing> tracing_;
  std::unique_ptr<stack::Collector> collector_;
  std::optional<stack::Names> names_;
  std::optional<container::CgroupNames> cgroups_;
  std::optional<bpf::EpochMap> totals_;
  std::optional<Reports> reports_;
  cli::Origin origin_;
  Waits waits_;
  std::uint64_t start_ns_ = 0;
  double lost_percent_ = 0;  // in the last report
};

}  // namespace sightline::offcpu
