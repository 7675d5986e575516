// SPDX-License-Identifier: Apache-2.0
// A run of execsnoop: from what was asked for to rows and reports.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/session.h"
#include "container/cgroup.h"
#include "event/assembler.h"
#include "event/reader.h"
#include "lifetimes.h"
#include "options.h"
#include "probes.h"
#include "report.h"
#include "tracing.h"

namespace sightline::execsnoop {

class Snoop {
 public:
  // Checks targets, permission and features, in that order, then loads and
  // opens everything; nothing runs yet.
  static Result<std::unique_ptr<Snoop>> open(const Options& options,
                                             std::span<char* const> argv);

  // Shows what happens until the end. Returns the exit status.
  Result<int> run();

 private:
  Snoop(const Options& options, cli::Session session);
  Status watch_targets();
  Status prepare();
  Result<int> trace();
  Status start();
  void note(const std::string& text) const;
  void banner() const;

  // The way of an event, one stage after the other.
  void take(const event::Pieces& pieces);
  void judge(Exec&& exec);
  void finish_row(Exec&& exec);
  void redact(std::vector<std::string>& texts) const;
  void keep_variables(Exec& exec) const;
  static void forget_text(Exec& exec);

  Status pump();
  Status tick();
  void forget_ended_targets();
  Status report(ReportKind kind);
  Result<Report> report_now(ReportKind kind);
  Result<bpf::Ledger> ledger_now();
  void say_losses(const bpf::Ledger& ledger) const;
  Status drain();
  Result<int> finish(const cli::End& end);
  std::string cgroup_path(std::uint64_t id);

  const Options& options_;
  cli::Session session_;
  Setup setup_;
  std::vector<int> target_pids_;   // 0: it has ended
  std::vector<UniqueFd> targets_;  // pidfds of these
  std::optional<cli::Command> command_;
  std::optional<Tracing> tracing_;
  std::unique_ptr<event::Reader> reader_;
  std::optional<container::CgroupNames> cgroups_;
  std::optional<event::Outputs<View>> outputs_;

  event::Assembler assembler_;
  Probes probes_;
  Lifetimes lifetimes_;
  Summary summary_;
  FoldedExecs folded_;
  bool folds_ = false;  // somebody wants collapsed stacks

  // Since the start; those of the last interval's end.
  struct Counts {
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t delivered = 0;
    std::uint64_t not_matching = 0;
    std::uint64_t not_failed = 0;
  };
  Counts counts_;
  Counts mark_counts_;
  bpf::Ledger mark_ledger_;
  std::uint64_t mark_ns_ = 0;
};

}  // namespace sightline::execsnoop
