// SPDX-License-Identifier: Apache-2.0
// A run of tcpconnect: from what was asked for to rows and reports.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dns/names.h"
#include "event/run.h"
#include "options.h"
#include "process/proc.h"
#include "report.h"
#include "tracing.h"

namespace sightline::tcpconnect {

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
  void begin_portion() override;
  void take(const event::Pieces& pieces) override;
  [[nodiscard]] std::vector<int> further_fds() const override;
  Status read_further() override;
  [[nodiscard]] std::vector<int> further_capabilities() const override;
  Status settle() override;
  void count_left_out(bpf::Ledger& ledger) const override;
  [[nodiscard]] std::uint64_t delivered() const override { return delivered_; }
  Result<std::uint64_t> pending() override;
  Status end_pending() override;
  Status show(const event::Stretch& stretch) override;

  Status open_names();
  void note_names();
  void read_names();
  void seek_libraries();
  void name(Connect& connect);
  [[nodiscard]] bool has_wanted_name(const Connect& connect) const;
  [[nodiscard]] bool has_wanted_age(const Connect& connect) const;
  void count(const Connect& connect, Totals& totals) const;
  void judge(Connect& connect);
  void end_attempt(Connect& connect);
  [[nodiscard]] Result<std::vector<Connect>> open_attempts() const;
  Status count_pending(Totals& totals, bool list);

  const Options& options_;
  Setup setup_;
  std::optional<Tracing> tracing_;
  std::optional<event::Outputs<View>> outputs_;
  std::uint32_t own_netns_ = process::own_network_namespace();
  std::unique_ptr<dns::Names> names_;
  bool names_read_ = false;  // those that are older than this portion
  std::string names_noted_;
  Status names_status_;  // of the first reading that failed
  std::uint64_t libraries_sought_ns_ = 0;
  Totals totals_;
  Counts earlier_;  // of the intervals that have been shown
  // Since the start.
  std::uint64_t delivered_ = 0;
  std::uint64_t parents_lost_ = 0;  // of these
  bpf::Ledger left_out_;
};

}  // namespace sightline::tcpconnect
