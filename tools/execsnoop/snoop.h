// SPDX-License-Identifier: Apache-2.0
// A run of execsnoop: from what was asked for to rows and reports.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "event/run.h"
#include "lifetimes.h"
#include "options.h"
#include "probes.h"
#include "report.h"
#include "tracing.h"

namespace sightline::execsnoop {

class Snoop : public event::Run {
 public:
  // Checks targets, permission and features, in that order, then loads and
  // opens everything; nothing runs yet.
  static Result<std::unique_ptr<Snoop>> open(const Options& options,
                                             std::span<char* const> argv);

 private:
  Snoop(const Options& options, cli::Session session);

  Result<event::OutputSet*> open_outputs() override;
  Result<event::Source*> load(pid_t command_pid) override;
  void begin_outputs() override;
  void take(const event::Pieces& pieces) override;
  Status settle() override {
    probes_.settle();
    return {};
  }
  void count_left_out(bpf::Ledger& ledger) const override;
  [[nodiscard]] std::uint64_t delivered() const override {
    return counts_.delivered;
  }
  [[nodiscard]] std::uint64_t held() const override { return probes_.held(); }
  Status end_pending() override;
  Status show(const event::Stretch& stretch) override;

  // The way of an event, one stage after the other.
  void judge(Exec&& exec);
  void finish_row(Exec&& exec);
  void redact(std::vector<std::string>& texts) const;
  void keep_variables(Exec& exec) const;
  static void forget_text(Exec& exec);

  const Options& options_;
  Setup setup_;
  std::optional<Tracing> tracing_;
  std::optional<event::Outputs<View>> outputs_;

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
    std::uint64_t text_lost = 0;
  };
  Counts counts_;
  Counts mark_counts_;
};

}  // namespace sightline::execsnoop
